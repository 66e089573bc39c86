#pragma once

#include <cstdint>
#include <vector>

#include "mapping/mapspace.hpp"

namespace dnnaccel::mapper {

/// Where the tile of one dim may stand at the storage of a level, seen from the inside out.
struct ChainNode {
  std::int64_t tile = 1;
  int value = 0;  ///< number of the tile among `DimGraph::values`
};

/// What the slots of a level may do to a tile: make it `factor` times as large.
struct ChainEdge {
  int to = 0;
  std::int64_t factor = 1;
  std::int64_t rows = 1;  ///< along the axes of an array; factor = rows * columns
  std::int64_t columns = 1;
  std::int64_t between = 1;  ///< tile inside the rows
};

/// All chains of tiles that a mapspace has for one dim (mapping/chains.hpp has the rule): a path
/// from the one node inside the last level to the one outside the first.
struct DimGraph {
  std::vector<std::int64_t> values;           ///< all tiles, ascending
  std::vector<std::vector<ChainNode>> nodes;  ///< nodes[l]: at level l; nodes[levels] = {1}
  /// edges[l][n]: from node n inside level l to the nodes at level l.
  std::vector<std::vector<std::vector<ChainEdge>>> edges;
};

DimGraph chain_graph(const problem::Problem& problem, const arch::Architecture& architecture,
                     const mapping::Layout& layout, int dim);

}  // namespace dnnaccel::mapper
