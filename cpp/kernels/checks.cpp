#include "kernels/checks.hpp"

#include <stdexcept>

#include "kernels/pool.hpp"

namespace dnnaccel::kernels {

void refuse(const char* who, const std::string& why) {
  throw std::invalid_argument(std::string(who) + ": " + why);
}

std::string text(const Shape& shape) {
  std::string all = "(";
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    all += (axis == 0 ? "" : ", ") + std::to_string(shape[axis]);
  return all + (shape.size() == 1 ? ",)" : ")");
}

void check_shape(const char* who, const Shape& shape) {
  constexpr std::int64_t kMostValues = std::int64_t{1} << 48;
  constexpr std::size_t kMostAxes = 32;
  if (shape.empty() || shape.size() > kMostAxes)
    refuse(who, "a shape must have from 1 to 32 axes, not " + std::to_string(shape.size()));
  std::int64_t values = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || (size > 0 && values > kMostValues / size))
      refuse(who, "no array can have the shape " + text(shape));
    values *= size == 0 ? 1 : size;
  }
}

void check_rank(const char* who, const Shape& shape, std::size_t rank) {
  check_shape(who, shape);
  if (shape.size() != rank)
    refuse(who, "the input must have " + std::to_string(rank) + " axes, not " +
                    std::to_string(shape.size()) + ": " + text(shape));
}

void check_range(const char* who, const char* name, std::int64_t value, std::int64_t least,
                 std::int64_t most) {
  if (value >= least && value <= most) return;
  refuse(who, std::string(name) + " must be from " + std::to_string(least) + " to " +
                  std::to_string(most) + ", not " + std::to_string(value));
}

void check_clamp(const char* who, float low, float high) {
  if (!(low <= high)) refuse(who, "the clamp's low end must not be above its high end");
}

std::int64_t checked_pitch(const char* who, const char* name, const Shape& shape,
                           std::int64_t pitch) {
  check_shape(who, shape);
  if (pitch == 0) return shape.back();
  check_range(who, name, pitch, shape.back());
  return pitch;
}

std::size_t checked_axis(const char* who, const Shape& shape, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (axis < -rank || axis >= rank)
    refuse(who, "axis " + std::to_string(axis) + " is none of " + text(shape));
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

unsigned checked_threads(const char* who, unsigned threads) {
  check_range(who, "threads", threads, 0, kMaxThreads);
  return threads == 0 ? num_threads() : threads;
}

std::int64_t product(const Shape& shape, std::size_t first, std::size_t end) {
  std::int64_t values = 1;
  for (std::size_t axis = first; axis < end; ++axis) values *= shape[axis];
  return values;
}

}  // namespace dnnaccel::kernels
