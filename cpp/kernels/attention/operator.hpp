#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/attention/shape.hpp"
#include "kernels/attention/softmax.hpp"
#include "kernels/matmul/panels.hpp"
#include "kernels/operator.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

struct AttentionOptions {
  std::int64_t heads = 1;
  float scale = 1;
  /// The last query is that of the last key: query q sees the first keys - queries + 1 + q keys.
  bool causal = false;
  std::string mask = "none";  // "additive": [queries, keys]; "batch": a mask for each sample;
                              // "keys": [batch, keys]
  bool lengths = false;       // an input of int32 [batch] says how many keys of each sample count
  unsigned threads = 1;       // 0: num_threads()
  std::string isa;
  // Values from a token to the next; 0: the token's length.
  std::int64_t q_pitch = 0;
  std::int64_t k_pitch = 0;
  std::int64_t v_pitch = 0;
  std::int64_t out_pitch = 0;
};

/// softmax(scale * queries x keys^T + mask) x values, head by head, without ever holding all
/// scores. Inputs: queries [batch, queries, heads * head], keys [batch, keys, heads * head], values
/// [batch, keys, heads * value_head], then the mask and the lengths if there are. A query that sees
/// no key, or only ones with a mask of -infinity, gives zeros.
class AttentionOperator final : public Operator {
 public:
  /// Throws std::invalid_argument for shapes that do not meet and pitches that are too short.
  AttentionOperator(const Shape& queries, const Shape& keys, const Shape& values,
                    const AttentionOptions& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  struct Job;
  /// The memory that a thread works in.
  struct Workspace {
    float* keys;
    float* values;
    float* scores;
    float* sums;
  };
  /// Which head's keys and values are packed, and how many.
  struct Packed {
    std::int64_t head = -1;
    std::int64_t keys = 0;
  };
  /// Some queries of one head.
  struct Block {
    const float* queries;
    const float* mask;
    float* out;
    std::int64_t first;  // query
    std::int64_t rows;
    std::int64_t used;  // keys of the sample that count
  };

  void check_pitches() const;
  void plan_blocks();
  void plan_rows();
  std::int64_t used_keys(const Job& job, std::int64_t sample) const noexcept;
  std::int64_t seen_keys(std::int64_t query, std::int64_t used) const noexcept;
  Block block_of(const Job& job, std::int64_t sample, std::int64_t head,
                 std::int64_t first) const noexcept;
  Workspace workspace(float* scratch, unsigned worker) const noexcept;

  /// Divide a query's weighted values by the sum of the weights.
  void finish_row(const float* sums, float* out, float sum) const noexcept;

  // Many queries: keys and values are packed for each head, and blocks of queries go through them.
  void pack(const Job& job, std::int64_t sample, std::int64_t head, std::int64_t first,
            std::int64_t count, const Workspace& work) const noexcept;
  void compute_item(const Job& job, std::int64_t item, const Workspace& work,
                    Packed& packed) const noexcept;
  /// How many of the block's first queries do not see a key.
  std::int64_t blind_rows(const Block& block, std::int64_t key) const noexcept;
  void compute_block(const Block& block, const Workspace& work) const noexcept;
  void score(const Block& block, std::int64_t first, std::int64_t count,
             const Workspace& work) const noexcept;
  void add_values(const Block& block, std::int64_t first, std::int64_t count, bool last,
                  const Workspace& work) const noexcept;

  // Few queries: keys and values are read once, as they lie.
  void compute_rows(const Job& job, std::int64_t item, const Workspace& work) const noexcept;

  AttentionShape shape_;
  float scale_;
  bool causal_;
  bool lengths_;
  const MatmulKernels* matmul_;
  const SoftmaxKernels* softmax_;
  ColumnPanels key_columns_;
  ColumnPanels value_columns_;
  bool few_;                     // queries: not worth packing for
  std::int64_t items_ = 0;       // pieces of work
  Split split_;                  // of them
  std::int64_t item_share_ = 1;  // queries or, of few, heads in each
  std::int64_t key_block_ = 1;   // keys whose scores are held at once
  std::int64_t score_pitch_ = 0;
  std::size_t worker_floats_ = 0;
  std::vector<Pixel> score_rows_;
  std::vector<Pixel> sum_rows_;  // of the sums' own memory
  std::vector<Pixel> out_rows_;
};

}  // namespace dnnaccel::kernels
