#pragma once

#include <array>
#include <cstdint>

#include "sim/tile_time.hpp"
#include "sim/trace.hpp"

namespace dnnaccel::sim {

/// Draws a tile-level simulation: what comes to every memory and what leaves it, by tensor; when
/// the MACs work; and what they wait for.
class TileTrace final : public TileObserver {
 public:
  /// Both must outlive it.
  TileTrace(const arch::Architecture& architecture, TraceWriter& writer);

  void moved(int level, problem::Role role, bool fill, double begin, double end,
             std::uint64_t words) override;
  void worked(double begin, double end, std::uint64_t macs) override;
  void waited(const Lost& lost, double begin) override;

 private:
  struct Line {
    int track = -1;
    double end = 0;
  };

  void draw(Line& line, const std::string& name, double begin, double end, const char* what,
            double value);

  const arch::Architecture& architecture_;
  TraceWriter& writer_;
  /// By level and role: fills, drains.
  std::array<std::array<std::array<Line, 2>, problem::kRoles>, arch::kMaxLevels> lines_{};
  Line macs_;
  Line waits_;
};

}  // namespace dnnaccel::sim
