#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

/// Calls write() in the folder, which writes tables there and NAME.gp, with which gnuplot draws NAME.svg; returns a
/// sentence about what was written.
template <class Write>
std::string written(const std::string& folder, const std::string& name, const std::string& tables, Write&& write) {
  const auto home = std::filesystem::current_path();
  std::filesystem::create_directories(folder);
  std::filesystem::current_path(folder);
  write();
  const bool installed = std::system("gnuplot --version > /dev/null 2>&1") == 0;
  const bool drawn = installed && std::system(("gnuplot " + name + ".gp").c_str()) == 0;
  std::filesystem::current_path(home);
  const std::string files = folder + "/" + tables;
  if (drawn) return "Plot: " + folder + "/" + name + ".svg, from " + files + ".";
  if (installed) return "Written: " + files + ". There is no plot, since gnuplot could not draw them.";
  return "Written: " + files +
         ". There is no plot, since gnuplot is not installed: apt-get install gnuplot-nox, then call gnuplot " + name +
         ".gp in " + folder + ".";
}
