#pragma once

#include <cstdint>
#include <vector>

#include "kernels/gemm/pack.hpp"
#include "kernels/recurrent/cell.hpp"

// The weights of recurrent layers in the order in which the kernels read them.
namespace dnnaccel::kernels {

/// Hidden units in panels, as the kernels of one column compute them: what belongs to a gate of a
/// unit stands at [panel][vector][gate][lane].
struct CellPanels {
  Cell cell;
  CellColumn column;
  std::int32_t lanes;
  std::int32_t units;

  std::int32_t gates() const { return gates_of(cell); }
  std::int32_t width() const { return column.vectors * lanes; }  // units of a panel
  std::int32_t count() const { return (units + width() - 1) / width(); }
  std::int32_t panel_length() const { return width() * gates(); }
  /// Gates of all panels.
  std::int64_t length() const { return std::int64_t{count()} * panel_length(); }
  std::int64_t place(std::int32_t gate, std::int32_t unit) const {
    return (std::int64_t{unit / lanes} * gates() + gate) * lanes + unit % lanes;
  }
};

/// Rows [gates * units][columns] as rows [length][columns], those of no unit zero. `from` may be
/// null: all zero.
std::vector<float> in_panels(const CellPanels& panels, const float* from, std::int64_t columns);

/// Weights [gates * units][units] as [panel][unit before][panel_length].
AlignedFloats pack_hidden(const CellPanels& panels, const float* weights);

}  // namespace dnnaccel::kernels
