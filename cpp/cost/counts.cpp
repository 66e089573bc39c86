#include "cost/counts.hpp"

namespace dnnaccel::cost {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

bool forwards(const arch::Architecture& architecture, const Keepers& keepers) {
  bool any = false;
  for (int level = keepers.parent + 1; level < keepers.child; ++level) {
    const arch::Array* array = architecture.array(level);
    if (array == nullptr) continue;
    if ((array->forwards & problem::bit(keepers.role)) == 0) return false;
    any = true;
  }
  return any && !keepers.compute;
}

}  // namespace dnnaccel::cost
