#include "kernels/recurrent/pack.hpp"

#include <algorithm>

namespace dnnaccel::kernels {

std::vector<float> in_panels(const CellPanels& panels, const float* from, std::int64_t columns) {
  std::vector<float> rows(static_cast<std::size_t>(panels.length() * columns));
  if (from == nullptr) return rows;
  for (std::int32_t gate = 0; gate < panels.gates(); ++gate) {
    for (std::int32_t unit = 0; unit < panels.units; ++unit, from += columns)
      std::copy_n(from, columns, rows.data() + panels.place(gate, unit) * columns);
  }
  return rows;
}

AlignedFloats pack_hidden(const CellPanels& panels, const float* weights) {
  const auto size = static_cast<std::size_t>(panels.length() * panels.units);
  AlignedFloats packed(size);
  std::fill_n(packed.data(), size, 0.0F);
  const std::int64_t step = panels.panel_length();
  for (std::int32_t gate = 0; gate < panels.gates(); ++gate) {
    for (std::int32_t unit = 0; unit < panels.units; ++unit) {
      const std::int64_t place = panels.place(gate, unit);
      float* to = packed.data() + place / step * step * panels.units + place % step;
      for (std::int32_t k = 0; k < panels.units; ++k, to += step) *to = *weights++;
    }
  }
  return packed;
}

}  // namespace dnnaccel::kernels
