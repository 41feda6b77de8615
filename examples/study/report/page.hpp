#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "figure.hpp"

namespace study {

/// What the numbers of a figure support: a sentence and the figure's name.
struct Claim {
  std::string sentence, figure;
};
struct Table {
  std::string caption;
  std::vector<std::vector<std::string>> rows;  ///< the first is the head
};
/// What the report says about one question.
struct Section {
  std::string name, question, method;
  std::vector<Figure> figures = {};
  std::vector<Claim> claims = {};
  std::vector<Table> tables = {};
  std::vector<std::string> unsupported = {};  ///< what the numbers do not show
};

/// The text as HTML shows it.
inline std::string html(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else {
      result += c;
    }
  }
  return result;
}

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  residual::expect(bool(file), path, " cannot be written.");
}

/// Writes a figure's CSV, script and picture into the folder, and returns the SVG element. Throws when gnuplot fails.
inline std::string draw(const Figure& figure, const std::filesystem::path& folder) {
  write_text(folder / (figure.name + ".csv"), figure.csv());
  write_text(folder / (figure.name + ".gp"), figure.script());
  const auto home = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  const int status = std::system(("gnuplot " + figure.name + ".gp").c_str());
  std::filesystem::current_path(home);
  residual::expect(status == 0, "gnuplot could not draw ", figure.name, ".gp in ", folder, ".");
  std::ifstream file(folder / (figure.name + ".svg"));
  const std::string svg(std::istreambuf_iterator<char>(file), {});
  const auto begin = svg.find("<svg");
  residual::expect(begin != std::string::npos, "gnuplot drew nothing from ", figure.name, ".gp in ", folder, ".");
  return svg.substr(begin);
}

inline std::string html_of(const Table& table) {
  std::string text = "<table><caption>" + html(table.caption) + "</caption>\n";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    text += "<tr>";
    const std::string tag = i == 0 ? "th" : "td";
    for (const std::string& cell : table.rows[i]) text += '<' + tag + '>' + html(cell) + "</" + tag + '>';
    text += "</tr>\n";
  }
  return text + "</table>\n";
}

inline std::string html_of(const Claim& claim) {
  return "<li>" + html(claim.sentence) + " <a href=\"#" + claim.figure + "\">(figure)</a></li>\n";
}

/// A section with its pictures; throws when a claim names a figure that the section does not have.
inline std::string html_of(const Section& section, const std::filesystem::path& folder) {
  std::string text =
      "<h2>" + html(section.name + ": " + section.question) + "</h2>\n<p>" + html(section.method) + "</p>\n";
  for (const Claim& claim : section.claims) {
    const bool drawn = std::any_of(section.figures.begin(), section.figures.end(),
                                   [&](const Figure& f) { return f.name == claim.figure; });
    residual::expect(drawn, "The claim \"", claim.sentence, "\" rests on the figure ", claim.figure,
                     ", which the report does not have.");
  }
  for (const Figure& figure : section.figures) {
    text += "<figure id=\"" + figure.name + "\">" + draw(figure, folder) + "<figcaption>" + html(figure.title) +
            ". Means; bands and bars are 95 % intervals over seeds. <a href=\"" + figure.name +
            ".csv\">Numbers</a></figcaption>\n<ul>";
    for (const Claim& claim : section.claims) {
      if (claim.figure == figure.name) text += "<li>" + html(claim.sentence) + "</li>\n";
    }
    text += "</ul></figure>\n";
  }
  for (const Table& table : section.tables) text += html_of(table);
  text += "<h3>What this does not support</h3><ul>\n";
  for (const std::string& sentence : section.unsupported) text += "<li>" + html(sentence) + "</li>\n";
  return text + "</ul>\n";
}

inline const char* page_head() {
  return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Residual schemes, "
         "measured</title><style>"
         "body{font:15px/1.45 sans-serif;max-width:1220px;margin:2em auto;padding:0 1em;color:#222}"
         "figure{margin:1.5em 0}figcaption{font-size:13px;color:#555}svg{max-width:100%;height:auto}"
         "table{border-collapse:collapse;margin:1em 0;font-size:13px}td,th{border:1px solid #ccc;padding:2px 8px;"
         "text-align:left}caption{text-align:left;font-weight:bold;padding:4px 0}"
         ".summary{background:#f4f6f8;padding:.5em 1.5em;border-radius:6px}</style></head><body>\n";
}

}  // namespace study
