#pragma once

#include <cstdint>
#include <string>

#include "kernels/operator.hpp"
#include "kernels/variants.hpp"

// What operators of every kind refuse when they are made. All throw std::invalid_argument with
// `who` before the reason.
namespace dnnaccel::kernels {

[[noreturn]] void refuse(const char* who, const std::string& why);

/// "(1, 2)"
std::string text(const Shape& shape);

/// Refuse what no array can have: negative sizes, or more values than memory.
void check_shape(const char* who, const Shape& shape);
void check_rank(const char* who, const Shape& shape, std::size_t rank);
void check_range(const char* who, const char* name, std::int64_t value, std::int64_t least,
                 std::int64_t most = INT32_MAX);
/// The ends of a range to clamp to; neither may be NaN.
void check_clamp(const char* who, float low, float high);
/// The pitch itself, or the size of the last axis for 0; the shape is checked too.
std::int64_t checked_pitch(const char* who, const char* name, const Shape& shape,
                           std::int64_t pitch);
/// The axis counted from the front: -1 is the last.
std::size_t checked_axis(const char* who, const Shape& shape, std::int64_t axis);
/// The number itself, or for 0 what num_threads() says.
unsigned checked_threads(const char* who, unsigned threads);

/// The product of axes `first` ... `end` - 1.
std::int64_t product(const Shape& shape, std::size_t first, std::size_t end);

/// How operators are run, whatever they compute.
struct RunOptions {
  unsigned threads = 1;  // 0: num_threads()
  std::string isa;       // "": the best
};

}  // namespace dnnaccel::kernels
