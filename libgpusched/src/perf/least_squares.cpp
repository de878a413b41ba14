#include "perf/least_squares.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

namespace gpusched {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int max_steps = 200;
constexpr double relative_gain = 1e-12;  // of the sum of squares: below it a step is noise

/// The problem around one point of the parameters.
class LeastSquaresProblem {
 public:
  LeastSquaresProblem(std::span<const FitParameter> parameters, std::size_t observations, const Residuals& residuals)
      : parameters_(parameters), observations_(static_cast<Eigen::Index>(observations)), residuals_(residuals) {}

  VectorXd residuals_at(const VectorXd& values) const {
    VectorXd result(observations_);
    residuals_({values.data(), static_cast<std::size_t>(values.size())},
               {result.data(), static_cast<std::size_t>(result.size())});
    return result;
  }

  /// Central differences, one-sided at a bound.
  MatrixXd jacobian_at(const VectorXd& values) const {
    MatrixXd jacobian(observations_, values.size());
    for (Eigen::Index i = 0; i < values.size(); ++i) {
      const double step = 1e-5 * std::max(1.0, std::abs(values[i]));
      VectorXd below = values;
      VectorXd above = values;
      below[i] = std::max(values[i] - step, parameters_[static_cast<std::size_t>(i)].least);
      above[i] = std::min(values[i] + step, parameters_[static_cast<std::size_t>(i)].most);
      jacobian.col(i) = (residuals_at(above) - residuals_at(below)) / (above[i] - below[i]);
    }
    return jacobian;
  }

  VectorXd bounded(VectorXd values) const {
    for (Eigen::Index i = 0; i < values.size(); ++i) {
      const FitParameter& parameter = parameters_[static_cast<std::size_t>(i)];
      values[i] = std::clamp(values[i], parameter.least, parameter.most);
    }
    return values;
  }

 private:
  std::span<const FitParameter> parameters_;
  Eigen::Index observations_;
  const Residuals& residuals_;
};

/// The step that minimises |J step + r|^2 + damping |D step|^2, D the columns' lengths.
VectorXd damped_step(const MatrixXd& jacobian, const VectorXd& residuals, double damping) {
  const Eigen::Index n = jacobian.cols();
  MatrixXd stacked(jacobian.rows() + n, n);
  stacked.topRows(jacobian.rows()) = jacobian;
  stacked.bottomRows(n) = (std::sqrt(damping) * jacobian.colwise().norm()).asDiagonal();
  VectorXd target = VectorXd::Zero(stacked.rows());
  target.head(residuals.size()) = -residuals;
  // A column of zeros gets no step: the minimum-norm solution leaves its parameter alone.
  return stacked.completeOrthogonalDecomposition().solve(target);
}

}  // namespace

LeastSquaresFit fit_least_squares(std::span<const FitParameter> parameters, std::size_t observations,
                                  const Residuals& residuals) {
  const auto n = static_cast<Eigen::Index>(parameters.size());
  VectorXd values(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    values[i] = parameters[static_cast<std::size_t>(i)].start;
  }
  LeastSquaresFit fit{.values = {}, .determined = std::vector<bool>(parameters.size(), false)};
  if (n > 0 && observations > 0) {
    const LeastSquaresProblem problem(parameters, observations, residuals);
    VectorXd current = problem.residuals_at(values);
    double damping = 1e-3;
    for (int step = 0; step < max_steps && damping < 1e12; ++step) {
      const MatrixXd jacobian = problem.jacobian_at(values);
      for (Eigen::Index i = 0; i < n; ++i) {
        fit.determined[static_cast<std::size_t>(i)] =
            fit.determined[static_cast<std::size_t>(i)] || jacobian.col(i).squaredNorm() > 0;
      }
      const VectorXd next = problem.bounded(values + damped_step(jacobian, current, damping));
      const VectorXd there = problem.residuals_at(next);
      if (there.squaredNorm() < current.squaredNorm() * (1 - relative_gain)) {
        values = next;
        current = there;
        damping = std::max(damping / 10, 1e-12);
      } else {
        damping *= 10;
      }
    }
  }
  fit.values.assign(values.data(), values.data() + values.size());
  return fit;
}

std::vector<double> solve_least_squares(std::span<const LinearEquation> equations, std::size_t unknowns) {
  MatrixXd matrix = MatrixXd::Zero(static_cast<Eigen::Index>(equations.size()), static_cast<Eigen::Index>(unknowns));
  VectorXd values(static_cast<Eigen::Index>(equations.size()));
  for (std::size_t row = 0; row < equations.size(); ++row) {
    for (const LinearEquation::Term& term : equations[row].terms) {
      matrix(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(term.unknown)) += term.coefficient;
    }
    values[static_cast<Eigen::Index>(row)] = equations[row].value;
  }
  if (equations.empty() || unknowns == 0) {
    return std::vector<double>(unknowns, 0.0);
  }
  const VectorXd solution = matrix.completeOrthogonalDecomposition().solve(values);
  return {solution.data(), solution.data() + solution.size()};
}

}  // namespace gpusched
