#pragma once

#include <iostream>
#include <set>

#include "E1.hpp"
#include "E1_fixed.hpp"
#include "E2.hpp"
#include "E3.hpp"
#include "E4.hpp"
#include "E5.hpp"
#include "E6.hpp"

namespace study {

/// The answers that a reader looks for first, each with the claims of a section about these schemes.
inline std::string summary_of(const std::vector<Section>& sections) {
  struct Answer {
    std::string question, section;
    std::vector<std::string> figures;
  };
  const std::vector<Answer> answers{{"Does it train without warm-up?", "E3", {"e3_trained"}},
                                    {"Where do deep layers collapse?", "E2", {"e2_without"}},
                                    {"Which translates better?", "E4", {"e4_difference"}},
                                    {"What does it cost?", "E5", {"e5_time", "e5_bytes"}},
                                    {"Where do gradients vanish?", "E1", {"e1_slopes", "e1_decoder"}}};
  std::string text = "<div class=\"summary\">\n";
  for (const Answer& answer : answers) {
    text += "<h3>" + answer.question + "</h3><ul>\n";
    bool any = false;
    for (const Section& section : sections) {
      for (const Claim& claim : section.claims) {
        const bool first = claim.sentence.starts_with("Post-LN:") || claim.sentence.starts_with("Pre-LN:") ||
                           claim.sentence.starts_with("ResiDual:");
        const bool asked =
            std::find(answer.figures.begin(), answer.figures.end(), claim.figure) != answer.figures.end();
        if (section.name != answer.section || !asked || !first) continue;
        text += html_of(claim);
        any = true;
      }
    }
    text += any ? "</ul>\n" : "<li>Not run.</li></ul>\n";
  }
  return text +
         "<p>How sure: every figure says how many seeds it rests on by its intervals (95 %); an interval that holds 0, "
         "or "
         "1 for a ratio, means that no difference was seen.</p></div>\n";
}

/// Which results there are, where they come from and how long they took.
inline std::string origin_of(const std::vector<Json>& results) {
  std::set<std::string> commits, machines, dates;
  std::map<std::string, std::pair<std::size_t, double>> runs;
  for (const Json& r : results) {
    commits.insert(r.at("commit"));
    machines.insert(r.at("machine"));
    dates.insert(r.at("date"));
    auto& [count, seconds] = runs[r.at("cell").at("question")];
    ++count;
    seconds += r.at("seconds").get<double>();
  }
  const auto all = [](const std::set<std::string>& names) { return listed({names.begin(), names.end()}); };
  Table table{"What was run", {{"question", "cells", "seconds", "depths", "seeds"}}};
  for (const auto& [question, run] : runs) {
    const std::vector<Json> own = where(results, {{"question", question}});
    std::vector<std::string> depths;
    for (const Index depth : values_of<Index>(own, "depth")) depths.push_back(std::to_string(depth));
    table.rows.push_back({question, std::to_string(run.first), digits(run.second, "%.0f"), listed(depths),
                          std::to_string(values_of<Index>(own, "seed").size())});
  }
  return "<p>Commit " + html(all(commits)) + "; " + html(all(machines)) + "; " + html(all(dates)) + ". " +
         (commits.size() > 1 || machines.size() > 1 ? "Results of several commits or machines were mixed on purpose. "
                                                    : "") +
         "The text of every task but E4's is the library's own source, by characters; `translation` predicts a piece "
         "of text from the piece before, in the shape of an encoder-decoder.</p>\n" +
         html_of(table);
}

/// Which cells of the budget have no result, by question and scheme.
inline std::string left_out(const std::vector<Json>& results, const std::vector<Cell>& budget) {
  std::set<std::string> run;
  for (const Json& r : results) run.insert(r.at("cell").dump());
  std::map<std::string, std::map<std::string, std::size_t>> missing;
  for (const Cell& cell : budget) {
    if (!run.contains(cell.json().dump())) ++missing[cell.question][cell.scheme];
  }
  if (missing.empty()) return "<p>All cells of the budget were run.</p>\n";
  Table table{"Left out of the budget", {{"question", "cells that were not run"}}};
  for (const auto& [question, schemes] : missing) {
    std::vector<std::string> names;
    for (const auto& [scheme, count] : schemes) names.push_back(scheme + " " + std::to_string(count));
    table.rows.push_back({question, listed(names)});
  }
  return html_of(table);
}

/// Writes OUT/report.html and, for every picture, OUT/NAME.csv, NAME.gp and NAME.svg. Throws, with nothing written, when there
/// are no results, a report is there and `replace` is not set, or gnuplot is not installed.
inline void write_report(const std::vector<Json>& results, const std::vector<Cell>& budget,
                         const std::filesystem::path& out, bool replace) {
  residual::expect(!results.empty(), "There are no results in ", out, "; run `study run` first, with the same --out.");
  const std::filesystem::path page = out / "report.html";
  residual::expect(replace || !std::filesystem::exists(page), page, " is there; give --replace to write it anew.");
  residual::expect(std::system("gnuplot --version > /dev/null 2>&1") == 0,
                   "The pictures need gnuplot, which is not installed: apt-get install gnuplot-nox.");
  const std::vector<Section> sections{section_E1(results), section_E1_fixed(results), section_E2(results),
                                      section_E3(results), section_E4(results),       section_E5(results),
                                      section_E6(results)};
  std::string text = page_head();
  text +=
      "<h1>Residual schemes, measured</h1>\n" + summary_of(sections) + origin_of(results) + left_out(results, budget);
  for (const Section& section : sections) {
    text += section.figures.empty() ? "<h2>" + section.name + ": " + section.question + "</h2><p>Not run.</p>\n"
                                    : html_of(section, out);
  }
  write_text(page, text + "</body></html>\n");
  std::cout << "Written: " << page.string() << '\n';
}

}  // namespace study
