#pragma once

#include <functional>
#include <span>
#include <vector>

namespace gpusched {

/// A parameter with its allowed values.
struct FitParameter {
  double start = 0;
  double least = 0;
  double most = 0;
};

struct LeastSquaresFit {
  std::vector<double> values;
  std::vector<bool> determined;  ///< false: no residual depends on it, it stayed at its start
};

/// Writes one residual per observation for these parameter values.
using Residuals = std::function<void(std::span<const double> values, std::span<double> residuals)>;

/// Minimises the sum of squares by damped Gauss-Newton steps (Levenberg-Marquardt, numeric derivatives, QR), within
/// the allowed values.
LeastSquaresFit fit_least_squares(std::span<const FitParameter> parameters, std::size_t observations,
                                  const Residuals& residuals);

/// One equation of a linear system: sum of coefficient x unknown = value.
struct LinearEquation {
  struct Term {
    std::size_t unknown = 0;
    double coefficient = 0;
  };
  std::vector<Term> terms;
  double value = 0;
};

/// Least squares of an overdetermined linear system by rank-revealing QR; unknowns that the equations leave open come
/// out as 0.
std::vector<double> solve_least_squares(std::span<const LinearEquation> equations, std::size_t unknowns);

}  // namespace gpusched
