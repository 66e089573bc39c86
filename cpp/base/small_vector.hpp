#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>

namespace dnnaccel::base {

/// A vector of at most N elements that lives where it stands: what the counting loops hold their
/// loops and steps in, because they run millions of times and must not allocate.
template <typename T, std::size_t N>
class SmallVector {
 public:
  SmallVector() = default;
  // Only what is there is copied: most are far from full.
  SmallVector(const SmallVector& other) : size_(other.size_) {
    std::copy_n(other.items_.begin(), size_, items_.begin());
  }
  SmallVector& operator=(const SmallVector& other) {
    size_ = other.size_;
    std::copy_n(other.items_.begin(), size_, items_.begin());
    return *this;
  }

  void push_back(const T& value) {
    assert(size_ < N);
    items_[size_++] = value;
  }
  void pop_back() {
    assert(size_ > 0);
    --size_;
  }
  void clear() { size_ = 0; }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] static constexpr std::size_t capacity() { return N; }

  T& operator[](std::size_t i) { return items_[i]; }
  const T& operator[](std::size_t i) const { return items_[i]; }
  [[nodiscard]] const T* data() const { return items_.data(); }
  [[nodiscard]] T* begin() { return items_.data(); }
  [[nodiscard]] T* end() { return items_.data() + size_; }
  [[nodiscard]] T& back() { return items_[size_ - 1]; }
  [[nodiscard]] const T* begin() const { return items_.data(); }
  [[nodiscard]] const T* end() const { return items_.data() + size_; }

 private:
  std::array<T, N> items_;
  std::size_t size_ = 0;
};

}  // namespace dnnaccel::base
