#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mapping/mapping.hpp"
#include "problem/problem.hpp"

/// What a walk stands on: the positions of a nest, the instances at a depth of it, and the words of
/// a tensor that an instance's iterations touch.
namespace dnnaccel::cost::walking {

/// Consecutive indices of a dim.
struct Range {
  std::int64_t first = 0;
  std::int64_t size = 0;
  bool operator==(const Range&) const = default;
};

/// The indices of every dim that an instance works on.
using Chunks = std::array<Range, problem::kMaxDims>;

/// Where every temporal loop stands. All instances run in lockstep: each loop goes as far as the
/// fullest instance, which is the first, has something to do.
class Position {
 public:
  Position(const problem::Problem& problem, const mapping::Nest& nest);

  /// Go to the next position. Returns the loop that stepped (every loop inside it is back at its
  /// start), or -1 if this was the last position.
  int next();
  /// Index of a temporal loop.
  [[nodiscard]] std::int64_t operator[](std::size_t loop) const { return index_[loop]; }

 private:
  [[nodiscard]] bool first_instance_works(std::size_t loop) const;

  const problem::Problem& problem_;
  const mapping::Nest& nest_;
  std::array<std::int64_t, mapping::kMaxLoops> index_{};
};

/// The instances that stand below the first `above` loops, and what each works on at the position.
/// Their numbers are in mixed radix, one digit for each spatial loop, the outermost first.
class Depth {
 public:
  Depth(const problem::Problem& problem, const mapping::Nest& nest, int above);

  [[nodiscard]] int above() const { return above_; }
  [[nodiscard]] std::size_t instances() const { return works_.size(); }
  [[nodiscard]] bool works(std::size_t instance) const { return works_[instance] != 0; }
  [[nodiscard]] const Chunks& chunks(std::size_t instance) const { return chunks_[instance]; }
  /// Instances that have worked at any position so far.
  [[nodiscard]] std::uint64_t ever_worked() const;

  /// Find out what every instance works on at a position.
  void stand_at(const Position& position);

 private:
  void descend(const Position& position, std::size_t loop, std::size_t instance, Chunks& chunks);

  const mapping::Nest& nest_;
  Chunks whole_{};
  int above_ = 0;
  std::vector<Chunks> chunks_;
  std::vector<std::uint8_t> works_;
  std::vector<std::uint8_t> worked_;
};

/// A word of a tensor: its number in the box of all coordinates that any MAC touches.
using Word = std::uint32_t;

/// Numbers the words of one tensor. Throws std::invalid_argument if the box has more than 2^26.
class Words {
 public:
  Words(const problem::Problem& problem, const problem::Tensor& tensor);

  /// How many numbers there are.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Put the words that the chunks touch into `tile`, in ascending order and without padding.
  void touch(const Chunks& chunks, std::vector<Word>& tile);

 private:
  const std::vector<std::int64_t>& coordinates(const problem::Axis& axis, const Chunks& chunks);

  const problem::Tensor& tensor_;
  std::size_t size_ = 1;
  std::vector<std::int64_t> low_;    ///< by axis: the smallest coordinate touched
  std::vector<std::int64_t> width_;  ///< by axis: from there to the largest
  std::vector<std::int64_t> coordinates_;
  std::vector<Word> outer_;
};

/// What a walk must never see. Throws std::logic_error: a rule of the walk itself is broken.
void require(bool condition, const char* what);

}  // namespace dnnaccel::cost::walking
