#pragma once

#include <cstdint>
#include <vector>

#include "base/number_map.hpp"
#include "cost/axis_plan.hpp"

namespace dnnaccel::cost {

/// Window sums by what they are sums of. Other sums of a search are cheap to take anew; these are
/// enumerations, and chains that differ only further in, and the rows and columns of a square
/// picture, ask for the same ones again and again.
class WindowMemo {
 public:
  std::uint64_t sum(const WindowAxis& axis, WindowSum what, std::int64_t extent_p, StepSpan p,
                    std::int64_t extent_r, StepSpan r);

  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  struct Value {
    std::size_t key = 0;  ///< where its key begins
    std::size_t length = 0;
    std::uint64_t sum = 0;
  };

  void write_key(const WindowAxis& axis, WindowSum what, std::int64_t extent_p, StepSpan p,
                 std::int64_t extent_r, StepSpan r);

  base::NumberMap numbers_;
  std::vector<Value> values_;
  std::vector<std::int64_t> keys_;
  std::vector<std::int64_t> key_;
};

}  // namespace dnnaccel::cost
