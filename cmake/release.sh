#!/bin/sh
# Tests the library on another release of Debian or Ubuntu with a compiler and a standard library of its packages, as root on
# a machine that in_release.sh can make it on:
#     cmake/release.sh RELEASE COMPILER [STDLIB] [TESTS]
#     cmake/release.sh trixie clang++-19 libc++ release
# STDLIB is libstdc++ or libc++. TESTS is program: README's program, compiled without a warning; gradients: those of all
# layers, too; or, beside both, a preset: release, what a compiler or its library can break, or default, all tests.
# The release and what is built stay in build/releases for the next time; its mounts end with it.
set -eu
release=${1:?cmake/release.sh RELEASE COMPILER: which release, such as trixie?}
compiler=${2:?cmake/release.sh RELEASE COMPILER: which compiler, such as g++-14 or clang++-19?}
stdlib=${3:-libstdc++}
tests=${4:-gradients}
cd "$(dirname "$0")/.."

packages="g++ cmake ninja-build pkg-config libeigen3-dev libgtest-dev $(echo "$compiler" | sed 's/^clang++/clang/')"
case $tests in
  program | gradients) preset= ;;
  *) preset=$tests packages="$packages $(sed -n '/--preset default/s/.*install -y \(.*\) && .*/\1/p' README.md)" ;;
esac
flags=
if [ "$stdlib" = libc++ ]; then
  version=${compiler#clang++}
  packages="$packages libc++$version-dev libc++abi$version-dev"
  flags=-stdlib=libc++
fi
export compiler flags tests preset packages

exec cmake/in_release.sh "$release" "$compiler-$stdlib" sh -eu -c '
apt-get --option Acquire::Check-Valid-Until=false update  # a mirror may keep the lists of sid for longer than they are valid
dpkg --configure --pending  # what an interruption left
apt-get install --yes --no-install-recommends $packages
$compiler --version | head -1
echo "#include <version>" | $compiler $flags -std=c++20 -x c++ -E -dM - | grep "define _GLIBCXX_RELEASE\|define _LIBCPP_VERSION"
echo "Eigen $(pkg-config --modversion eigen3)"

options="-std=c++20 $flags -march=native -mtune=generic -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
case $compiler in g++*) options="$options -Wno-uninitialized -Wno-maybe-uninitialized" ;; esac  # as developer.cmake
compile() {
  echo "$1"
  $compiler $options -Iinclude -Itests $(pkg-config --cflags eigen3 | sed "s/-I/-isystem /g") -pthread "$@"
}
sed -n "/^\`\`\`cpp/,/^\`\`\`$/{//!p}" README.md >build/readme.cpp
compile build/readme.cpp -O2 -DNDEBUG -o build/readme
build/readme
[ $tests != program ] || exit 0

# GoogleTest is compiled here, since its package is for libstdc++ alone; so is that of RapidCheck, which is left out then.
compiled_by="-G Ninja -DCMAKE_CXX_COMPILER=$compiler -DCMAKE_CXX_FLAGS=$flags"
cmake -S /usr/src/googletest -B build/googletest $compiled_by -DCMAKE_BUILD_TYPE=Release -DBUILD_GMOCK=OFF
cmake --build build/googletest
cmake --install build/googletest --prefix $PWD/build/libraries
compile tests/layer_gradient_test.cpp -O1 -Lbuild/libraries/lib -lgtest_main -lgtest -o build/layer_gradient_test
build/layer_gradient_test --gtest_brief=1

if [ -n "$preset" ]; then
  cmake --preset $preset $compiled_by -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DCMAKE_PREFIX_PATH=$PWD/build/libraries \
    -DCMAKE_DISABLE_FIND_PACKAGE_rapidcheck=${flags:+ON}
  cmake --build --preset $preset
  ctest --preset $preset
fi
'
