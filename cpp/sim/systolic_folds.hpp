#pragma once

#include <cstdint>
#include <vector>

#include "sim/systolic_fold.hpp"
#include "sim/systolic_product.hpp"

/// How a layer's product of matrices is cut into the folds of a systolic array, and in which order.
namespace dnnaccel::sim {

/// How a problem becomes a product: its dims by what they do in the array, each list in the
/// problem's order. The rows go through `rows` as one flattened index, as the columns do.
struct ProductView {
  std::vector<int> outer;    ///< one product after another
  std::vector<int> rows;     ///< a fold's rows
  std::vector<int> columns;  ///< a fold's columns
  std::vector<int> stream;   ///< one step each

  /// `waiting`: bit d is set if the positions of dim d wait for each other.
  ProductView(const problem::Problem& problem, Stationary stationary, std::uint32_t waiting);
};

/// Some dims as one index, the last one fastest.
class FlatDims {
 public:
  FlatDims(const problem::Problem& problem, const std::vector<int>& dims);
  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] Indices operator[](std::int64_t i) const;
  [[nodiscard]] std::vector<Indices> slice(std::int64_t first, std::int64_t size) const;

 private:
  const problem::Problem& problem_;
  const std::vector<int>& dims_;
  std::int64_t size_ = 1;
};

/// Which stationary tile a fold has: its place among the folds, and the outer indices that move it.
struct StationaryTile {
  std::int64_t row_fold = -1;
  std::int64_t column_fold = -1;
  std::int64_t outer = -1;
  bool operator==(const StationaryTile&) const = default;
};

/// The folds of a layer in order: for every position of the outer dims, column fold by column fold,
/// all row folds.
class ProductFolds {
 public:
  ProductFolds(const problem::Problem& problem, const SystolicOptions& options,
               std::uint32_t waiting);

  [[nodiscard]] const ProductView& view() const { return view_; }
  /// Positions of the outer dims, and how many of them in a row have the same stationary operand.
  [[nodiscard]] std::int64_t outer() const { return outer_.size(); }
  [[nodiscard]] std::int64_t repeats() const { return repeats_; }
  [[nodiscard]] std::int64_t row_folds() const { return row_folds_; }
  [[nodiscard]] std::int64_t column_folds() const { return column_folds_; }
  /// The shape of the next fold. A tile that stands in the array already is not loaded again.
  FoldShape shape(std::int64_t outer, std::int64_t column_fold, std::int64_t row_fold);
  [[nodiscard]] FoldWork work(std::int64_t outer, std::int64_t column_fold, std::int64_t row_fold,
                              const FoldShape& shape) const;
  /// What does not depend on time: MACs, and folds by size.
  [[nodiscard]] ProductRun totals() const;

 private:
  [[nodiscard]] std::int64_t rows(std::int64_t fold) const;
  [[nodiscard]] std::int64_t columns(std::int64_t fold) const;

  const problem::Problem& problem_;
  const SystolicOptions& options_;
  ProductView view_;
  FlatDims outer_;
  FlatDims rows_;
  FlatDims columns_;
  FlatDims stream_;
  std::int64_t row_folds_;
  std::int64_t column_folds_;
  std::int64_t repeats_ = 1;
  std::uint32_t held_dims_ = 0;
  StationaryTile last_;
};

}  // namespace dnnaccel::sim
