#include <bit>

#include "cost/tables.hpp"

// The part of the tables that runs for every mapping: products of what rows and cells say.

namespace dnnaccel::cost {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return static_cast<std::size_t>(problem::index(role)); }

/// Bits of the loops before number `n`.
constexpr std::uint64_t loops_before(int n) { return n < 64 ? (1ULL << n) - 1 : ~0ULL; }

}  // namespace

/// What is asked of a position: all that is fetched with the loops before it summed over, or what
/// is kept when a loop steps.
enum class Tables::Ask : std::uint8_t { fetched, kept };

template <Tables::Ask kAsk>
inline std::uint64_t Tables::plain_product(const RoleAtHand& hand, const Place& place,
                                           const Standing& standing) const {
  const std::uint8_t* cut = standing.cuts();
  const std::size_t offset = place.plain + (kAsk == Ask::kept ? cuts_.count : 0);
  std::uint64_t product = hand.standing;
  for (const Factor& dim : hand.plain) product *= dim.values[offset + cut[dim.table]];
  return product;
}

inline std::uint64_t Tables::known(Word& cell, const RoleAtHand& hand, std::size_t window,
                                   const Place& place, std::size_t link, std::size_t number) const {
  if (cell == 0) [[unlikely]] {
    cell = static_cast<Word>(
        1 + hand.table->window_value(window, ids_.data(), place.pair, place.link + link, number));
  }
  return cell - 1;
}

/// `plain` times the other axes, for `kLinks` links. The cut of a stepping dim is set further by
/// the number of cuts.
template <std::size_t kLinks, Tables::Ask kAsk>
inline void Tables::product(const RoleAtHand& hand, const Place& place, const Standing& standing,
                            std::uint64_t plain, std::uint64_t* out) const {
  const std::uint8_t* cut = standing.cuts();
  std::array<std::uint64_t, kLinks> products;
  products.fill(plain);
  for (const Factor& dim : hand.absent) {
    const Word* values = dim.values + place.absent + cut[dim.table];
    for (std::size_t link = 0; link < kLinks; ++link) {
      products[link] *= values[link * cuts_.of_link];
    }
  }
  for (std::size_t w = 0; w < hand.windows.size(); ++w) {
    const WindowFactor& window = hand.windows[w];
    const std::size_t cell =
        kAsk == Ask::fetched
            ? cut[window.p] * cuts_.count + cut[window.r]
            : cuts_.fetched_cells + cut[window.p] * 2 * cuts_.count + cut[window.r];
    Word* cells = window.cells + place.cell + cell;
    for (std::size_t link = 0; link < kLinks; ++link) {
      products[link] *= known(cells[link * cuts_.cells_of_link], hand, w, place, link, cell);
    }
  }
  for (std::size_t link = 0; link < kLinks; ++link) out[link] = products[link];
}

/// The place of a link further on between the same keepers.
inline Tables::Place Tables::along(const Place& place, std::size_t links) const {
  return {.pair = place.pair,
          .link = place.link + links,
          .plain = place.plain,
          .absent = place.absent + links * cuts_.of_link,
          .cell = place.cell + links * cuts_.cells_of_link};
}

/// Words of `kLinks` links between two keepers; `above` has the bits of the loops above the child.
template <std::size_t kLinks>
void Tables::words(const RoleAtHand& hand, const Place& place, std::uint64_t above,
                   std::uint64_t* out) const {
  // Past the innermost loop that moves the tile.
  const int end = 64 - std::countl_zero(hand.moving_loops & above);
  const Standing& all = before_[at(end)];
  product<kLinks, Ask::fetched>(hand, place, all, plain_product<Ask::fetched>(hand, place, all),
                                out);
  // From the inside out: once a step leaves nothing of the old tile, nor do those further out.
  std::uint64_t steps = loops_before(end) & ~hand.plain_loops;
  while (steps != 0) {
    const int i = 63 - std::countl_zero(steps);
    steps ^= 1ULL << i;
    const std::uint64_t plain = plain_product<Ask::kept>(hand, place, before_[at(i)]);
    if (plain == 0) return;
    const Standing& one = one_[dims_[at(i)]];
    Standing stepping = before_[at(i)];
    stepping.packed[0] += one.packed[0] * cuts_.count;
    stepping.packed[1] += one.packed[1] * cuts_.count;
    std::array<std::uint64_t, kLinks> kept;
    product<kLinks, Ask::kept>(hand, place, stepping, plain, kept.data());
    for (std::size_t link = 0; link < kLinks; ++link) out[link] -= kept[link];
  }
}

/// What compute asks for: everything that it touches, each time.
inline void Tables::computed(const RoleAtHand& hand, const Place& place, std::size_t links,
                             Totals& out) const {
  for (std::size_t link = 0; link < links; ++link) {
    std::uint64_t product = hand.standing * hand.plain_positions;
    for (const Factor& dim : hand.absent) product *= dim.values[place.absent + link];
    for (std::size_t w = 0; w < hand.windows.size(); ++w) {
      product *= known(hand.windows[w].cells[place.cell + link], hand, w, place, link, 0);
    }
    out[link] = product;
  }
}

/// The first tile to arrive: at every link, what is fetched before any loop runs.
void Tables::first_tiles(const RoleAtHand& hand, const Place& place, std::size_t links,
                         Totals& out) const {
  const std::uint64_t plain = plain_product<Ask::fetched>(hand, place, {});
  for (std::size_t link = 0; link < links; ++link) {
    product<1, Ask::fetched>(hand, along(place, link), {}, plain, &out[link]);
  }
}

/// The last tile of the outputs to leave.
void Tables::last_tiles(const RoleAtHand& hand, const Place& place, std::size_t links,
                        Totals& out) const {
  std::uint64_t plain = 1;
  for (const Factor& dim : hand.plain) plain *= dim.values[hand.table->last_tiles() + place.pair];
  for (std::size_t link = 0; link < links; ++link) {
    out[link] = plain;
    for (const Factor& dim : hand.absent) {
      out[link] *= dim.values[place.absent + link * cuts_.of_link];
    }
  }
}

/// Words of each link between two keepers.
inline void Tables::moved(const RoleAtHand& hand, const Place& place, std::size_t links,
                          Totals& out) const {
  const RoleTable::FlatPair& pair = hand.table->pairs()[place.pair];
  if (pair.compute) return computed(hand, place, links, out);
  const std::uint64_t above = loops_before(above_[at(pair.child)]);
  switch (links) {
    case 1:
      return words<1>(hand, place, above, out.data());
    case 2:
      return words<2>(hand, place, above, out.data());
    case 3:
      return words<3>(hand, place, above, out.data());
    default:
      for (std::size_t link = 0; link < links; ++link) {
        words<1>(hand, along(place, link), above, &out[link]);
      }
  }
}

void Tables::count_role(std::size_t role, Counts& out) {
  const RoleAtHand& hand = at_hand_[role];
  out.memories[0][role].tile = tensor_words_[role];
  for (int level : hand.table->levels()) {
    out.memories[at(level)][role].tile = tiles_[at(level)][role];
  }
  SumsAbove sums{.drained = output_words_};
  Totals words;
  Place place;
  const std::vector<RoleTable::FlatPair>& pairs = hand.table->pairs();
  for (const RoleTable::FlatPair& pair : pairs) {
    // Without splits between, nothing is shared and all links carry the same.
    const bool split = (spread_ & pair.between) != 0;
    const std::size_t links = split ? pair.links : 1;
    const std::size_t child = split ? pair.child_link : 0;
    moved(hand, place, links, words);
    Flow flow{
        .sent = words[0], .received = words[child], .once = words[split ? pair.once_link : 0]};
    if (ramps_ && !pair.compute) {
      Totals ramp{};
      if (role == at(Role::outputs)) {
        last_tiles(hand, place, links, ramp);
      } else {
        first_tiles(hand, place, links, ramp);
      }
      flow.ramp_sent = ramp[0];
      flow.ramp_received = ramp[child];
    }
    enter(pair, flow, sums, out);
    std::uint64_t entering = flow.sent;
    for (std::size_t i = 0; i < pair.arrays.size(); ++i) {
      const std::uint64_t leaving = words[split ? i + 1 : 0];
      enter_network(pair, pair.arrays[i], entering, leaving, out);
      entering = leaving;
    }
    place = along(place, pair.links);
    place.link = 0;
    place.plain += cuts_.of_pair;
    ++place.pair;
  }
}

void Tables::count_all(Counts& out) {
  out.clear(levels_);
  out.macs = macs_;
  out.steps = positions_;
  for (int level = 0; level < levels_; ++level) {
    out.instances[at(level)] = instances_[at(heads_.arrays_above[at(level)])];
  }
  out.active_macs = instances_[at(heads_.depths)];
  for (std::size_t role = 0; role < at(kRoles); ++role) count_role(role, out);
}

}  // namespace dnnaccel::cost
