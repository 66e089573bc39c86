#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace dnnaccel::problem {

/// What a tensor is to a chip. Also its index in `Problem::tensors`.
enum class Role : std::uint8_t { inputs, weights, outputs };

inline constexpr int kRoles = 3;
inline constexpr int kMaxDims = 12;
inline constexpr std::uint32_t kAllRoles = (1U << kRoles) - 1;

inline constexpr std::array<Role, kRoles> kEveryRole = {Role::inputs, Role::weights, Role::outputs};

constexpr int index(Role role) { return static_cast<int>(role); }
constexpr std::uint32_t bit(Role role) { return 1U << index(role); }
const char* name(Role role);

/// coefficient * dim, one summand of a coordinate.
struct Term {
  int dim = 0;
  std::int64_t coefficient = 1;
  bool operator==(const Term&) const = default;
};

/// One axis of a tensor: the coordinate sum(terms) + offset, clipped to [0, size). What falls
/// outside is padding: zero, and never fetched.
struct Axis {
  std::vector<Term> terms;
  std::int64_t offset = 0;
  std::int64_t size = 1;
  bool operator==(const Axis&) const = default;
};

struct Tensor {
  Role role = Role::inputs;
  std::vector<Axis> axes;
  bool operator==(const Tensor&) const = default;

  /// Words of the whole tensor.
  [[nodiscard]] std::uint64_t words() const;
  /// Bit d is set if dim d moves this tensor's coordinates.
  [[nodiscard]] std::uint32_t dims() const;
};

/// An extended einsum: a bound for each dim, and tensors whose coordinates are affine in the dims.
struct Problem {
  std::vector<std::string> dim_names;
  std::vector<std::int64_t> bounds;
  std::array<Tensor, kRoles> tensors;
  bool operator==(const Problem&) const = default;

  [[nodiscard]] int dims() const { return static_cast<int>(bounds.size()); }
  [[nodiscard]] std::uint64_t macs() const;
  [[nodiscard]] const Tensor& tensor(Role role) const {
    return tensors[static_cast<std::size_t>(index(role))];
  }

  /// Throws std::invalid_argument if this is no problem that can be counted: see the source for the
  /// rules.
  void validate() const;
};

}  // namespace dnnaccel::problem
