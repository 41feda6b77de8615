#include "golden/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <sstream>

#include "residual/core/check.hpp"
#include "residual/io/tensor_info.hpp"

namespace golden {
namespace {

using residual::expect;
using residual::printable;

double largest(const Tensor& tensor) {
  double most = 0;
  for (const double entry : tensor.data) most = std::isfinite(entry) ? std::max(most, std::abs(entry)) : most;
  return most;
}

class Comparison {
 public:
  Comparison(const Case& c, const Outputs& outputs, const std::string& type)
      : case_(c), outputs_(outputs), type_(type), tolerances_(c.tolerance.at(type)) {}

  Verdict run() {
    expect_known_tolerances();
    for (const bool streams : {true, false}) {
      for (const auto& [name, tensor] : case_.tensors) {
        if (!name.starts_with("expected.") || name.starts_with("expected.streams.") != streams) continue;
        compare(name, tensor);
      }
    }
    if (entries_ == 0)
      verdict_.complaints.push_back("there is nothing to compare: the case has no expected.* entries.");
    return verdict_;
  }

 private:
  void expect_known_tolerances() const {
    for (const auto& [type, tolerances] : case_.tolerance) {
      for (const auto& [name, tolerance] : tolerances) {
        expect(outputs_.contains(name), "tolerance_atol.", type, " names ", printable(name),
               ", which this case does not compute.");
      }
    }
  }

  template <class... Parts>
  void complain(const Parts&... parts) {
    std::ostringstream sentence;
    sentence.precision(3);
    (sentence << ... << parts);
    verdict_.complaints.push_back(sentence.str());
  }

  void compare(const std::string& name, const Tensor& expected) {
    const std::string output_name = name.substr(9);
    const auto found = outputs_.find(output_name);
    if (found == outputs_.end()) return complain(printable(name), " is nothing that this case computes.");
    const Tensor& got = found->second.tensor;
    if (got.shape != expected.shape) {
      return complain(name, " is ", to_string(expected.shape), ", but ", to_string(got.shape), " is computed.");
    }
    const auto tolerance = tolerance_of(output_name, expected);
    if (!tolerance) return complain("tolerance_atol.", type_, " has no tolerance for ", output_name, ".");
    ++verdict_.tensors;
    compare(name, expected, found->second, *tolerance);
  }

  void compare(const std::string& name, const Tensor& expected, const Output& output, double tolerance) {
    const auto& rows = output.rows;
    const std::size_t width = rows.empty() ? 1 : expected.data.size() / rows.size();
    double worst = 0;
    std::size_t place = 0;
    for (std::size_t i = 0; i < expected.data.size(); ++i) {
      if (!rows.empty() && rows[i / width] == 0) continue;
      ++entries_;
      const double error = difference(output.tensor.data[i], expected.data[i]);
      if (error > worst) worst = error, place = i;
    }
    if (worst > tolerance) {
      return complain(name, " is off by ", worst, " in entry ", place, ", got ", output.tensor.data[place],
                      ", expected ", expected.data[place], ", tolerance ", tolerance, ".");
    }
    if (worst > 0) verdict_.worst = std::max(verdict_.worst, worst / tolerance);
  }

  /// Infinite unless both are finite or the same.
  static double difference(double got, double expected) {
    if (got == expected || (std::isnan(got) && std::isnan(expected))) return 0;
    const double error = std::abs(got - expected);
    return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
  }

  std::optional<double> tolerance_of(const std::string& name, const Tensor& expected) const {
    const auto own = tolerances_.find(name), of_y = tolerances_.find("y");
    if (own != tolerances_.end()) return own->second;
    const double y_tolerance = of_y == tolerances_.end() ? 0 : of_y->second;
    if (name == "loss" && of_y != tolerances_.end()) return y_tolerance * cotangent_sum();
    if (!name.starts_with("streams.")) return std::nullopt;
    const double epsilon =
        type_ == "f32" ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
    const double size = largest(expected), y_size = largest(outputs_.at("y").tensor);
    return std::max(std::sqrt(epsilon) * size, y_tolerance * (y_size > 0 ? std::max(1.0, size / y_size) : 1.0));
  }

  /// sum |cotangent| over the rows that count.
  double cotangent_sum() const {
    double sum = 0;
    const auto& cotangent = case_.tensors.at("cotangent").data;
    for (std::size_t i = 0; i < cotangent.size(); ++i) {
      if (case_.row_is_valid(i / std::size_t(case_.config.d))) sum += std::abs(cotangent[i]);
    }
    return sum;
  }

  const Case& case_;
  const Outputs& outputs_;
  const std::string& type_;
  const std::map<std::string, double>& tolerances_;
  Verdict verdict_;
  std::size_t entries_ = 0;
};

}  // namespace

Verdict compare(const Case& c, const Outputs& outputs, const std::string& type) {
  return Comparison(c, outputs, type).run();
}

}  // namespace golden
