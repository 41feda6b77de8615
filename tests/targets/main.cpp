// A program of three files that use the library; 0 when all of them compute.
float first();
float second();
float third();

int main() { return first() + second() + third() == 105 ? 0 : 1; }
