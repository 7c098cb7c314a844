// The choice of the next token of a row: drawn[row] = id. One workgroup does one row, from what sample_blocks.wgsl has made of
// its logits. accept.wgsl makes it one of the sequence's tokens.
//
// In this order: a logit that is not finite makes id = FAULT; the repetition penalty for each token of positions 0 .. position;
// presence and frequency penalty for the tokens from answer_start on; biases; temperature 0 takes the greatest logit (the
// lowest id among equals); otherwise temperature, then top_k, top_p (of what top_k keeps) and min_p cut the candidates, and a
// number drawn from (seed, position + shift) chooses among them in order of id. top_k and top_p keep all logits from some threshold on:
// equal logits stay or go together.
//
// A threshold is found bit by bit, as an order-keeping key of the logit, by asking each block's sorted logits what they hold from
// there on. Then the block that the number falls into, and it alone, is read again.
//
// With RECORD, the record of the choice goes to chosen, at the place of its position modulo ring: its log-probability and those of the TOP
// likeliest tokens. They are of the model's own distribution, softmax(logits), before penalties, biases, temperature and cuts.

struct Params {
  vocab: u32,
  logits_stride: u32,
  capacity: u32,  // positions from one sequence's tokens to the next
  ring: u32,      // records of a sequence in chosen
  shift: u32,     // how many positions after the row's the logits are of
}

struct Chosen {
  id: u32,
  log_probability: f32,
  top_mass: f32,             // the sum of the TOP greatest probabilities
  top_log_probability: f32,  // the mean of their logarithms
  top: array<Token, TOP>,    // (log-probability, id), the likeliest first; FAULT beyond the vocabulary
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> sampling: array<RowSampling>;
@group(0) @binding(3) var<storage, read> rows: array<vec2<u32>>;        // (sequence, position)
@group(0) @binding(4) var<storage, read> counts: array<u32>;            // (sequences, vocab)
@group(0) @binding(5) var<storage, read> blocks: array<Block>;          // (rows, blocks)
@group(0) @binding(6) var<storage, read> sorted: array<vec2<f32>>;      // (rows, blocks, BLOCK): logit, weights up to it
@group(0) @binding(7) var<storage, read_write> drawn: array<u32>;       // (rows)
@group(0) @binding(8) var<storage, read_write> chosen: array<Chosen>;   // (sequences, ring)

const FAULT: u32 = 0xffffffffu;
const OWN_BLOCKS: u32 = 2u;  // the most blocks of a thread
const MOST: u32 = TOP * TOP * OWN_BLOCKS;

var<workgroup> top: array<Token, TOP>;
var<workgroup> drawn_block: atomic<u32>;
var<workgroup> drawn_rest: f32;
var<workgroup> drawn_id: atomic<u32>;

// A row, and what belongs to this thread of it.
struct Share {
  row: u32,
  thread: u32,
  first: u32,  // its blocks: numbers in the row
  count: u32,
  base: u32,   // number of the row's first block in blocks
}

fn share_of(row: u32, thread: u32) -> Share {
  let all = (params.vocab + BLOCK - 1u) / BLOCK;
  let each = (all + THREADS - 1u) / THREADS;
  let first = min(thread * each, all);
  return Share(row, thread, first, min(each, all - first), row * all);
}

// How many tokens a block has.
fn size_of(block: u32) -> u32 {
  return min(BLOCK, params.vocab - block * BLOCK);
}

// A number that orders as the float does; 0 and -0 are equal.
fn key(l: f32) -> u32 {
  let bits = bitcast<u32>(select(l, 0.0, l == 0.0));
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// A uniform number in [0, 1) from seed and position (two rounds of the PCG output hash, Jarzynski and Olano 2020).
fn uniform_number(seed: u32, position: u32) -> f32 {
  var state = seed * 747796405u + 2891336453u;
  state = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  state = ((state >> 22u) ^ state) + position;
  state = state * 747796405u + 2891336453u;
  state = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  state = (state >> 22u) ^ state;
  return f32(state >> 8u) / 16777216.0;
}

// Gathers the TOP first of all blocks' first tokens, as sample_blocks.wgsl does with a block's.
fn gather_top(share: Share) {
  var mine = Token(LOWEST, FAULT - share.thread);  // all different, behind every token
  for (var b = 0u; b < share.count; b++) {
    let token = blocks[share.base + share.first + b].top[0];
    if (before(token, mine)) {
      mine = token;
    }
  }
  if (has_candidates(share.thread, mine)) {
    for (var b = 0u; b < share.count; b++) {
      for (var i = 0u; i < TOP; i++) {
        let token = blocks[share.base + share.first + b].top[i];
        if (before(bound, token)) {
          break;
        }
        add_candidate(token);
      }
    }
  }
  workgroupBarrier();
  let n = min(atomicLoad(&found), MOST);
  for (var c = share.thread; c < n; c += THREADS) {
    let place = place_of(candidates[c], n);
    if (place < TOP) {
      top[place] = candidates[c];
    }
  }
  workgroupBarrier();
}

// The logarithm of the sum of exp(logit - top[0].value) over the vocabulary, x; how many logits are not finite, y.
fn normaliser(share: Share) -> vec2<f32> {
  var exponentials = 0.0;
  var broken = 0.0;
  for (var b = 0u; b < share.count; b++) {
    let at = share.base + share.first + b;
    exponentials += blocks[at].exponentials * weigh(blocks[at].top[0].value - top[0].value, 1.0);
    broken += f32(blocks[at].broken);
  }
  return vec2<f32>(log(sum_all(share.thread, exponentials).y), sum_all(share.thread, broken).y);
}

// The greatest logit after penalties and biases.
fn best_of(share: Share) -> Token {
  var mine = Token(LOWEST, FAULT);
  for (var b = 0u; b < share.count; b++) {
    let token = blocks[share.base + share.first + b].best;
    if (before(token, mine)) {
      mine = token;
    }
  }
  return best_all(share.thread, mine);
}

// How a row's candidates are weighed: relative to the greatest logit, 0 if they are cut off.
struct Cut {
  best: f32,
  threshold: u32,  // keys from here on are kept
  temperature: f32,
  min_p: f32,
}

fn weight(l: f32, cut: Cut) -> f32 {
  let w = weigh(l - cut.best, cut.temperature);
  return select(0.0, w, key(l) >= cut.threshold && (w >= cut.min_p || l >= cut.best));
}

// The weights of a block's greatest n logits.
fn mass_of(at: u32, n: u32, cut: Cut) -> f32 {
  if (n == 0u) {
    return 0.0;
  }
  return sorted[BLOCK * at + n - 1u].y * weigh(blocks[at].best.value - cut.best, cut.temperature);
}

// The greatest key from which on there is enough: wanted tokens, or weights, of those from the key `lowest` on.
fn threshold_for(share: Share, wanted: f32, lowest: u32, by_mass: bool, cut: Cut) -> u32 {
  var threshold = 0u;
  var least: array<u32, OWN_BLOCKS>;  // how many logits of each block the threshold keeps, at least and at most
  var most: array<u32, OWN_BLOCKS>;
  for (var b = 0u; b < share.count; b++) {
    most[b] = size_of(share.first + b);
  }
  for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
    let trial = threshold | bit;
    var kept: array<u32, OWN_BLOCKS>;
    var amount = 0.0;
    for (var b = 0u; b < share.count; b++) {
      let at = share.base + share.first + b;
      var low = least[b];
      var high = most[b];
      while (low < high) {
        let middle = (low + high) / 2u;
        if (key(sorted[BLOCK * at + middle].x) >= max(trial, lowest)) {
          low = middle + 1u;
        } else {
          high = middle;
        }
      }
      kept[b] = low;
      if (by_mass) {
        amount += mass_of(at, low, cut);
      } else {
        amount += f32(low);
      }
    }
    if (sum_all(share.thread, amount).y >= wanted) {
      threshold = trial;
      most = kept;
    } else {
      least = kept;
    }
  }
  return clamp(threshold, lowest, key(cut.best));
}

// The weights of a block's logits from the cut on.
fn kept_mass(block: u32, at: u32, cut: Cut) -> f32 {
  var low = 0u;
  var high = size_of(block);
  while (low < high) {
    let middle = (low + high) / 2u;
    if (weight(sorted[BLOCK * at + middle].x, cut) > 0.0) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  return mass_of(at, low, cut);
}

// What top_k and top_p keep.
fn cut_of(share: Share, s: Sampling, best: f32) -> Cut {
  var cut = Cut(best, 0u, s.temperature, s.min_p);
  if (s.top_k > 0u && s.top_k < params.vocab) {
    cut.threshold = threshold_for(share, f32(s.top_k), 0u, false, cut);
  }
  if (s.top_p < 1.0) {
    var mass = 0.0;
    for (var b = 0u; b < share.count; b++) {
      let uncut = Cut(best, cut.threshold, s.temperature, 0.0);
      mass += kept_mass(share.first + b, share.base + share.first + b, uncut);
    }
    cut.threshold = threshold_for(share, s.top_p * sum_all(share.thread, mass).y, cut.threshold, true, cut);
  }
  return cut;
}

// Draws among the candidates, in order of id: the last whose predecessors' weights do not exceed the number drawn.
fn draw(share: Share, s: Sampling, sequence: u32, position: u32, best: Token) -> u32 {
  let cut = cut_of(share, s, best.value);
  let is_cut = cuts(s);
  var masses: array<f32, OWN_BLOCKS>;
  var mass = 0.0;
  for (var b = 0u; b < share.count; b++) {
    let at = share.base + share.first + b;
    if (is_cut) {
      masses[b] = kept_mass(share.first + b, at, cut);
    } else {
      masses[b] = blocks[at].mass * weigh(blocks[at].best.value - best.value, s.temperature);
    }
    mass += masses[b];
  }
  let sum = sum_all(share.thread, mass);
  let number = uniform_number(s.seed, position) * sum.y;

  var before_block: array<f32, OWN_BLOCKS>;
  mass = sum.x;
  for (var b = 0u; b < share.count; b++) {
    before_block[b] = mass;
    if (masses[b] > 0.0 && mass <= number) {
      atomicMax(&drawn_block, share.first + b);
    }
    mass += masses[b];
  }
  workgroupBarrier();
  let block = atomicLoad(&drawn_block);
  if (block >= share.first && block < share.first + share.count) {
    drawn_rest = number - before_block[block - share.first];
  }
  workgroupBarrier();

  let first = block * BLOCK;
  load_own(share.row, first, share.thread);
  adjust_own(sequence, first, share.thread);
  mass = 0.0;
  for (var i = 0u; i < OWN; i++) {
    own[i] = select(0.0, weight(own[i], cut), first + OWN * share.thread + i < params.vocab);
    mass += own[i];
  }
  mass = sum_all(share.thread, mass).x;
  for (var i = 0u; i < OWN; i++) {
    if (own[i] > 0.0 && mass <= drawn_rest) {
      atomicMax(&drawn_id, first + OWN * share.thread + i);
    }
    mass += own[i];
  }
  workgroupBarrier();
  return atomicLoad(&drawn_id);
}

// Writes the record of a choice.
fn write_chosen(at: u32, row: u32, id: u32, log_sum: f32) {
  chosen[at].id = id;
  var mass = 0.0;
  var logs = 0.0;
  let n = min(TOP, params.vocab);
  for (var i = 0u; i < TOP; i++) {
    let log_probability = top[i].value - top[0].value - log_sum;
    if (i < n && id != FAULT) {
      mass += exp(log_probability);
      logs += log_probability;
      chosen[at].top[i] = Token(log_probability, top[i].id);
    } else {
      chosen[at].top[i] = Token(0.0, FAULT);
    }
  }
  chosen[at].top_mass = mass;
  chosen[at].top_log_probability = logs / f32(n);
  if (id == FAULT) {
    chosen[at].log_probability = 0.0;
  } else {
    chosen[at].log_probability = logits[row * params.logits_stride + id] - top[0].value - log_sum;
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let at = rows[row];
  let s = sampling[at.x].choices;
  let share = share_of(row, thread);

  gather_top(share);
  let norm = normaliser(share);
  let best = best_of(share);
  var id = best.id;
  if (s.temperature > 0.0) {
    id = draw(share, s, at.x, at.y + params.shift, best);
  }
  if (norm.y > 0.0) {
    id = FAULT;
  }
  if (thread == 0u) {
    drawn[row] = id;
    if (RECORD) {
      write_chosen(at.x * params.ring + (at.y + 1u) % params.ring, row, id, norm.x);
    }
  }
}
