#pragma once

#include <array>
#include <cassert>
#include <cstddef>

namespace dnnaccel::base {

/// A vector of at most N elements that lives where it stands: what the counting loops hold their
/// loops and steps in, because they run millions of times and must not allocate.
template <typename T, std::size_t N>
class SmallVector {
 public:
  void push_back(const T& value) {
    assert(size_ < N);
    items_[size_++] = value;
  }
  void clear() { size_ = 0; }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] static constexpr std::size_t capacity() { return N; }

  T& operator[](std::size_t i) { return items_[i]; }
  const T& operator[](std::size_t i) const { return items_[i]; }
  [[nodiscard]] const T* data() const { return items_.data(); }
  [[nodiscard]] const T* begin() const { return items_.data(); }
  [[nodiscard]] const T* end() const { return items_.data() + size_; }

 private:
  std::array<T, N> items_;
  std::size_t size_ = 0;
};

}  // namespace dnnaccel::base
