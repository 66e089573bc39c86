#include "mapper/tile_words.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/math.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr int kInputs = 0;

/// Distinct coordinates of a tile of a window axis that lie in the tensor.
std::int64_t coordinates(const cost::Window& window, std::int64_t p0, std::int64_t p,
                         std::int64_t r0, std::int64_t r, std::vector<char>& marks) {
  const std::int64_t step_p = window.coefficient[0];
  const std::int64_t step_r = window.coefficient[1];
  const std::int64_t first = p0 * step_p + r0 * step_r + window.offset;
  const std::int64_t length = (p - 1) * step_p + (r - 1) * step_r + 1;
  const bool whole = (r == 1 && (p == 1 || step_p == 1)) || (p == 1 && step_r == 1) ||
                     (step_r == 1 && step_p <= r) || (step_p == 1 && step_r <= p);
  if (whole) {
    return std::max<std::int64_t>(
        0, std::min(first + length, window.size) - std::max<std::int64_t>(first, 0));
  }
  marks.assign(static_cast<std::size_t>(length), 0);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < p; ++i) {
    for (std::int64_t j = 0; j < r; ++j) {
      const std::int64_t there = i * step_p + j * step_r;
      char& mark = marks[static_cast<std::size_t>(there)];
      if (mark != 0 || first + there < 0 || first + there >= window.size) continue;
      mark = 1;
      ++count;
    }
  }
  return count;
}

}  // namespace

TileWords::TileWords(const problem::Problem& problem, const std::vector<DimGraph>& graphs)
    : graphs_(&graphs) {
  const cost::PerRole<cost::AxisPlan> plans = cost::axis_plans(problem);
  for (int d = 0; d < problem.dims(); ++d) {
    bounds_[at(d)] = problem.bounds[at(d)];
    for (std::int64_t tile : graphs[at(d)].values) {
      passes_[at(d)].push_back(static_cast<double>(base::ceil_div(bounds_[at(d)], tile)));
    }
  }
  for (int role = 0; role < problem::kRoles; ++role) {
    RoleTables& tables = roles_[at(role)];
    tables.plain = plans[at(role)].plain;
    tables.absent = plans[at(role)].absent;
    for (int dim : tables.plain) tables.plain_words *= static_cast<double>(bounds_[at(dim)]);
    for (int dim : tables.absent) absent_[at(role)] |= 1U << dim;
    for (const cost::WindowAxis& axis : plans[at(role)].windows) {
      WindowTable table{.axis = axis};
      tabulate(table);
      if (role == kInputs && axis.dim_r >= 0) {
        const int number = static_cast<int>(tables.windows.size());
        slides_.push_back({number, axis.dim_p});
        slides_.push_back({number, axis.dim_r});
      } else if (axis.dim_r >= 0) {
        complete_ = false;
      }
      tables.windows.push_back(std::move(table));
    }
  }
  for (const Slide& slide : slides_) tabulate_slides(slide);
}

void TileWords::tabulate_slides(const Slide& slide) {
  WindowTable& table = roles_[at(kInputs)].windows[at(slide.axis)];
  const std::size_t along = slide.dim == table.axis.dim_p ? 0 : 1;
  std::vector<double>& least = table.least_slid[along];
  least.assign(table.fetched.size(), 1);
  const auto count = [&](int dim) {
    return static_cast<std::uint16_t>((*graphs_)[at(dim)].values.size());
  };
  const std::uint16_t most = count(slide.dim);
  table.slid[along].assign(table.fetched.size() * most, {});
  Tiles tiles{};
  for (std::uint16_t p = 0; p < count(table.axis.dim_p); ++p) {
    for (std::uint16_t r = 0; r < count(table.axis.dim_r); ++r) {
      tiles[at(table.axis.dim_p)] = p;
      tiles[at(table.axis.dim_r)] = r;
      const std::size_t place = cell(table, tiles);
      for (auto to = static_cast<std::uint16_t>(tiles[at(slide.dim)] + 1); to < most; ++to) {
        const Slid slid = slide_parts(slide, tiles, to);
        table.slid[along][place * most + to] = slid;
        least[place] = std::min(least[place], slid.open);
      }
    }
  }
}

void TileWords::tabulate(WindowTable& table) const {
  const std::vector<std::int64_t> one{1};
  const std::vector<std::int64_t>& ps = (*graphs_)[at(table.axis.dim_p)].values;
  const std::vector<std::int64_t>& rs =
      table.axis.dim_r < 0 ? one : (*graphs_)[at(table.axis.dim_r)].values;
  const std::int64_t p_bound = bounds_[at(table.axis.dim_p)];
  const std::int64_t r_bound = table.axis.dim_r < 0 ? 1 : bounds_[at(table.axis.dim_r)];
  table.stride = rs.size();
  table.fetched.assign(ps.size() * rs.size(), 0);
  table.largest.assign(ps.size() * rs.size(), 0);
  std::vector<char> marks;
  for (std::size_t i = 0; i < ps.size(); ++i) {
    for (std::size_t j = 0; j < rs.size(); ++j) {
      std::int64_t sum = 0;
      std::int64_t largest = 0;
      for (std::int64_t p0 = 0; p0 < p_bound; p0 += ps[i]) {
        for (std::int64_t r0 = 0; r0 < r_bound; r0 += rs[j]) {
          const std::int64_t count =
              coordinates(table.axis.window, p0, std::min(ps[i], p_bound - p0), r0,
                          std::min(rs[j], r_bound - r0), marks);
          sum += count;
          largest = std::max(largest, count);
        }
      }
      table.fetched[i * table.stride + j] = static_cast<double>(sum);
      table.largest[i * table.stride + j] = static_cast<double>(largest);
    }
  }
}

std::size_t TileWords::cell(const WindowTable& table, const Tiles& tiles) const {
  const std::size_t p = tiles[at(table.axis.dim_p)];
  return table.axis.dim_r < 0 ? p : p * table.stride + tiles[at(table.axis.dim_r)];
}

double TileWords::fetched(int role, const Tiles& tiles) const {
  const RoleTables& tables = roles_[at(role)];
  double words = tables.plain_words;
  for (const WindowTable& table : tables.windows) words *= table.fetched[cell(table, tiles)];
  for (int dim : tables.absent) words *= passes_[at(dim)][tiles[at(dim)]];
  return words;
}

double TileWords::distinct(const Tiles& tiles) const {
  Tiles whole = tiles;
  for (const Slide& slide : slides_) {
    whole[at(slide.dim)] = static_cast<std::uint16_t>((*graphs_)[at(slide.dim)].values.size() - 1);
  }
  return fetched(kInputs, whole);
}

double TileWords::idle(int dim) const {
  const DimGraph& graph = (*graphs_)[at(dim)];
  double most = 1;
  for (std::size_t level = 0; level < graph.edges.size(); ++level) {
    for (std::size_t n = 0; n < graph.edges[level].size(); ++n) {
      const auto inside = static_cast<std::uint16_t>(graph.nodes[level + 1][n].value);
      for (const ChainEdge& edge : graph.edges[level][n]) {
        const auto outside = static_cast<std::uint16_t>(graph.nodes[level][at(edge.to)].value);
        most = std::max(
            most, static_cast<double>(edge.factor) * passes(dim, outside) / passes(dim, inside));
      }
    }
  }
  return most;
}

double TileWords::largest(int role, const Tiles& tiles) const {
  const RoleTables& tables = roles_[at(role)];
  double words = 1;
  for (int dim : tables.plain) words *= static_cast<double>(tile(dim, tiles[at(dim)]));
  for (const WindowTable& table : tables.windows) words *= table.largest[cell(table, tiles)];
  return words;
}

std::int64_t TileWords::span(const WindowTable& table, std::int64_t p, std::int64_t r) const {
  return (p - 1) * table.axis.window.coefficient[0] + (r - 1) * table.axis.window.coefficient[1] +
         1;
}

const TileWords::Slid& TileWords::slid(const Slide& slide, const Tiles& tiles,
                                       std::uint16_t to) const {
  const WindowTable& table = roles_[at(kInputs)].windows[at(slide.axis)];
  const std::size_t most = (*graphs_)[at(slide.dim)].values.size();
  return table.slid[slide.dim == table.axis.dim_p ? 0 : 1][cell(table, tiles) * most + to];
}

TileWords::Slid TileWords::slide_parts(const Slide& slide, const Tiles& tiles,
                                       std::uint16_t to) const {
  const WindowTable& table = roles_[at(kInputs)].windows[at(slide.axis)];
  const int other = slide.dim == table.axis.dim_p ? table.axis.dim_r : table.axis.dim_p;
  Tiles after = tiles;
  after[at(slide.dim)] = to;
  const double one_by_one = table.fetched[cell(table, tiles)];
  if (one_by_one == 0) return {};
  const double whole = table.fetched[cell(table, after)];
  const double starts = passes_[at(slide.dim)][to] * passes_[at(other)][tiles[at(other)]];
  const auto left = [&](double kept) {
    return std::min(1.0, std::max(0.0, whole - kept * starts) / one_by_one);
  };
  return {.open = left(kept_at_starts(table, slide, tiles, to, false)),
          .closed = left(kept_at_starts(table, slide, tiles, to, true)),
          .apart = left(0)};
}

/// What the first tile of a run may share with the last of the run before it, at most.
double TileWords::kept_at_starts(const WindowTable& table, const Slide& slide, const Tiles& tiles,
                                 std::uint16_t to, bool closed) const {
  const bool first = slide.dim == table.axis.dim_p;
  const int other = first ? table.axis.dim_r : table.axis.dim_p;
  const std::int64_t coefficient = table.axis.window.coefficient[first ? 0 : 1];
  const std::int64_t other_coefficient = table.axis.window.coefficient[first ? 1 : 0];
  const std::int64_t tile = this->tile(slide.dim, tiles[at(slide.dim)]);
  const std::int64_t other_tile = this->tile(other, tiles[at(other)]);
  const std::int64_t length = (tile - 1) * coefficient + (other_tile - 1) * other_coefficient + 1;
  std::int64_t shared = 0;
  const auto shift = [&](std::int64_t own, std::int64_t others) {
    shared = std::max(shared, length - std::abs(own * coefficient + others * other_coefficient));
  };
  // The loop that steps takes its own dim one tile further, and all loops inside it go back: over
  // the run at hand, or over all that the dim's loops cover up to some level, where an edge makes
  // that shorter.
  const std::vector<std::int64_t>& own_tiles = (*graphs_)[at(slide.dim)].values;
  const std::vector<std::int64_t>& other_tiles = (*graphs_)[at(other)].values;
  const auto each_back = [](const std::vector<std::int64_t>& covered, std::int64_t from,
                            std::int64_t step, std::int64_t bound, const auto& visit) {
    for (std::int64_t cover : covered) {
      if (cover < from) continue;
      visit(-(base::ceil_div(cover, step) - 1) * step);
      const std::int64_t edge = bound % cover;
      if (edge != 0) visit(-(base::ceil_div(edge, step) - 1) * step);
    }
  };
  const std::int64_t own_from = this->tile(slide.dim, to);
  each_back(own_tiles, own_from, tile, bounds_[at(slide.dim)], [&](std::int64_t own) {
    each_back(other_tiles, other_tile, other_tile, bounds_[at(other)],
              [&](std::int64_t back) { shift(own, back); });
    if (passes_[at(other)][tiles[at(other)]] > 1) shift(own, other_tile);
  });
  if (!closed && passes_[at(slide.dim)][to] > 1) {
    each_back(other_tiles, other_tile, other_tile, bounds_[at(other)],
              [&](std::int64_t back) { shift(tile, back); });
  }
  return std::min(static_cast<double>(shared), table.largest[cell(table, tiles)]);
}

double TileWords::least_slid(const Slide& slide, const Tiles& tiles) const {
  const WindowTable& table = roles_[at(kInputs)].windows[at(slide.axis)];
  return table.least_slid[slide.dim == table.axis.dim_p ? 0 : 1][cell(table, tiles)];
}

bool TileWords::overlaps(const Slide& slide, const Tiles& tiles, std::int64_t step) const {
  const WindowTable& table = roles_[at(kInputs)].windows[at(slide.axis)];
  const int p = table.axis.dim_p;
  const int r = table.axis.dim_r;
  const std::int64_t coefficient = table.axis.window.coefficient[slide.dim == p ? 0 : 1];
  return span(table, tile(p, tiles[at(p)]), tile(r, tiles[at(r)])) > step * coefficient;
}

}  // namespace dnnaccel::mapper
