#include "sim/scalesim_window.hpp"

#include <algorithm>
#include <bit>

namespace dnnaccel::sim::scalesim {

namespace {

/// Rows (or columns) of the ifmap that some window covers.
std::int64_t covered(std::int64_t size, std::int64_t filter, std::int64_t stride,
                     std::int64_t pixels) {
  if (stride <= filter) return size;
  return (pixels - 1) * filter + std::clamp<std::int64_t>(size - (pixels - 1) * stride, 0, filter);
}

}  // namespace

std::pair<std::int64_t, std::int64_t> demand(const Folds& folds, const Lanes& lanes,
                                             std::int64_t row_fold, std::int64_t column_fold,
                                             std::int64_t line, std::int64_t lane) {
  const std::int64_t row = row_fold * folds.rows;
  if (folds.dataflow == Dataflow::is) {
    return {column_fold * folds.columns + lane, row + folds.rows - 1 - line};
  }
  const std::int64_t step = line - lanes.first - lane;
  if (step < 0 || step >= lanes.length) return {-1, -1};
  return folds.dataflow == Dataflow::os ? std::pair{row + lane, step} : std::pair{step, row + lane};
}

std::int64_t distinct_words(const Layer& layer, const Shape& shape) {
  return covered(layer.ifmap_rows, layer.filter_rows, layer.row_stride, shape.pixel_rows) *
         covered(layer.ifmap_columns, layer.filter_columns, layer.column_stride,
                 shape.pixel_columns) *
         layer.channels;
}

Window::Window(const Layer& layer, const Shape& shape)
    : rows_(layer.ifmap_rows),
      columns_(layer.ifmap_columns),
      channels_(layer.channels),
      filter_rows_(layer.filter_rows),
      filter_columns_(layer.filter_columns),
      row_stride_(layer.row_stride),
      column_stride_(layer.column_stride),
      pixel_rows_(shape.pixel_rows),
      pixel_columns_(shape.pixel_columns),
      kept_(layer.kept),
      block_(layer.block),
      run_(layer.filter_columns * layer.channels) {}

Pixel Window::pixel(std::int64_t index) const {
  Pixel out{index / pixel_columns_, index % pixel_columns_, 0};
  out.first = (out.row * row_stride_ * columns_ + out.column * column_stride_) * channels_;
  return out;
}

void Window::advance(Pixel& pixel) const {
  ++pixel.column;
  pixel.first += column_stride_ * channels_;
  if (pixel.column < pixel_columns_) return;
  pixel.column = 0;
  ++pixel.row;
  pixel.first = pixel.row * row_stride_ * columns_ * channels_;
}

std::int64_t Window::address(std::int64_t pixel, std::int64_t element) const {
  element = dense(element);
  const std::int64_t y = pixel / pixel_columns_ * row_stride_ + element / run_;
  const std::int64_t x = pixel % pixel_columns_ * column_stride_ + element % run_ / channels_;
  if (y >= rows_ || x >= columns_) return -1;
  return (y * columns_ + x) * channels_ + element % channels_;
}

bool Window::exists(std::int64_t pixel, std::int64_t element) const {
  return address(pixel, element) >= 0;
}

std::int64_t Window::last_element(std::int64_t pixel) const {
  const std::int64_t rows = rows_ - pixel / pixel_columns_ * row_stride_;
  const std::int64_t columns = columns_ - pixel % pixel_columns_ * column_stride_;
  if (rows <= 0 || columns <= 0) return -1;
  const std::int64_t last = (std::min(rows, filter_rows_) - 1) * run_ +
                            std::min(columns, filter_columns_) * channels_ - 1;
  std::int64_t element = last / block_ * kept_ + std::min(last % block_, kept_ - 1);
  while (!exists(pixel, element)) --element;
  return element;
}

std::int64_t Window::last_pixel(std::int64_t element) const {
  element = dense(element);
  const std::int64_t row = (rows_ - 1 - element / run_) / row_stride_;
  const std::int64_t column = (columns_ - 1 - element % run_ / channels_) / column_stride_;
  return std::min(row, pixel_rows_ - 1) * pixel_columns_ + std::min(column, pixel_columns_ - 1);
}

void Window::mark(const Pixel& pixel, std::int64_t begin, std::int64_t end) {
  if (begin >= end) return;
  if (kept_ == block_) {
    mark_dense(pixel, begin, end);
    return;
  }
  while (begin < end) {
    const std::int64_t together = std::min(kept_ - begin % kept_, end - begin);
    mark_dense(pixel, dense(begin), dense(begin) + together);
    begin += together;
  }
}

void Window::mark_dense(const Pixel& pixel, std::int64_t begin, std::int64_t end) {
  const std::int64_t there =
      std::min(columns_ - pixel.column * column_stride_, filter_columns_) * channels_;
  std::int64_t row = begin / run_;
  std::int64_t within = begin - row * run_;
  std::int64_t left = end - begin;
  for (; left > 0 && pixel.row * row_stride_ + row < rows_; ++row, within = 0) {
    const std::int64_t length = std::min(run_ - within, left);
    const std::int64_t start = pixel.first + row * columns_ * channels_;
    if (within < there) set(start + within, start + std::min(within + length, there));
    left -= length;
  }
}

void Window::set(std::int64_t begin, std::int64_t end) {
  constexpr std::uint64_t all = ~std::uint64_t{0};
  const auto first = static_cast<std::size_t>(begin) / 64;
  const auto last = static_cast<std::size_t>(end - 1) / 64;
  if (last >= bits_.size()) bits_.resize(std::max(last + 1, bits_.size() * 2));
  const std::uint64_t head = all << (static_cast<std::uint64_t>(begin) % 64);
  const std::uint64_t tail = all >> (63 - static_cast<std::uint64_t>(end - 1) % 64);
  if (first == last) {
    set_word(first, head & tail);
    return;
  }
  set_word(first, head);
  for (std::size_t i = first + 1; i < last; ++i) set_word(i, all);
  set_word(last, tail);
}

void Window::set_word(std::size_t index, std::uint64_t mask) {
  const std::uint64_t old = bits_[index];
  const std::uint64_t fresh = mask & ~old;
  if (fresh == 0) return;
  if (remembering_) undo_.emplace_back(index, old);
  if (old == 0) touched_.push_back(index);
  bits_[index] = old | mask;
  held_ += std::popcount(fresh);
}

void Window::remember() {
  remembering_ = true;
  undo_.clear();
  touched_then_ = touched_.size();
  held_then_ = held_;
}

void Window::take_back() {
  for (auto it = undo_.rbegin(); it != undo_.rend(); ++it) bits_[it->first] = it->second;
  undo_.clear();
  remembering_ = false;
  touched_.resize(touched_then_);
  held_ = held_then_;
}

void Window::flush() {
  for (const std::size_t index : touched_) bits_[index] = 0;
  touched_.clear();
  undo_.clear();
  remembering_ = false;
  held_ = 0;
}

}  // namespace dnnaccel::sim::scalesim
