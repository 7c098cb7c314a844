// sample
// The choice of the next token from a row's logits, which also moves the row on: tokens[position + 1] = id, position += 1.
//
// In this order: check that every logit is finite (else id = FAULT); repetition penalty over the tokens of positions
// 0 .. position, each once; temperature 0 takes the greatest logit (the lowest id among equals); otherwise temperature,
// top_k, top_p, min_p cut the candidates and a number drawn from (seed, position) chooses among them in order of id.
//
// What top_k and top_p keep is all logits from some threshold on, found by bisecting the 32 bits of an order-keeping key of the
// logit. Probabilities are summed by thread and then in order of thread: always the same result.
// One workgroup does one row.

struct Params {
  vocab: u32,
  logits_stride: u32,
  capacity: u32,  // positions from one sequence's tokens to the next
}

struct Sampling {
  temperature: f32,
  top_p: f32,
  min_p: f32,
  repetition_penalty: f32,
  top_k: u32,
  seed: u32,
  spare0: u32,
  spare1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> sampling: array<Sampling>;
@group(0) @binding(3) var<storage, read_write> rows: array<vec2<u32>>;  // (sequence, position)
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> seen: array<atomic<u32>>;  // scratch: a bit for each token, by row

const FAULT: u32 = 0xffffffffu;
const NOTHING: f32 = -3.0e38;
const THREADS: u32 = 256u;

var<workgroup> values: array<f32, 256>;
var<workgroup> numbers: array<u32, 256>;
var<workgroup> answer: u32;

// The logit of token id after the repetition penalty (Keskar et al. 2019, as Hugging Face applies it).
fn logit(row: u32, id: u32) -> f32 {
  let l = logits[row * params.logits_stride + id];
  let penalty = sampling[row].repetition_penalty;
  if (penalty == 1.0) {
    return l;
  }
  let word = atomicLoad(&seen[row * ((params.vocab + 31u) / 32u) + id / 32u]);
  if ((word >> (id % 32u)) % 2u == 0u) {
    return l;
  }
  return select(l * penalty, l / penalty, l > 0.0);
}

// A number that orders as the float does.
fn key(l: f32) -> u32 {
  let bits = bitcast<u32>(l);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// The sum of all threads' values, in order of thread; the same in every thread.
fn sum_all(thread: u32, v: f32) -> f32 {
  values[thread] = v;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < THREADS; i++) {
    total += values[i];
  }
  workgroupBarrier();
  return total;
}

fn count_all(thread: u32, n: u32) -> u32 {
  numbers[thread] = n;
  workgroupBarrier();
  var total = 0u;
  for (var i = 0u; i < THREADS; i++) {
    total += numbers[i];
  }
  workgroupBarrier();
  return total;
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

// The weight of a candidate, relative to that of the greatest logit; 0 if it is cut off.
fn weight(row: u32, id: u32, best: f32, threshold: u32, s: Sampling) -> f32 {
  let l = logit(row, id);
  let w = exp((l - best) / s.temperature);
  return select(0.0, w, key(l) >= threshold && w >= s.min_p);
}

// Marks the tokens of positions 0 .. position.
fn mark_seen(thread: u32, row: u32, base: u32, position: u32) {
  let words = (params.vocab + 31u) / 32u;
  for (var i = thread; i < words; i += THREADS) {
    atomicStore(&seen[row * words + i], 0u);
  }
  storageBarrier();
  for (var i = thread; i <= position; i += THREADS) {
    let id = tokens[base + i];
    if (id < params.vocab) {
      atomicOr(&seen[row * words + id / 32u], 1u << (id % 32u));
    }
  }
  storageBarrier();
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let at = rows[row];
  let base = at.x * params.capacity;
  let s = sampling[row];
  if (s.repetition_penalty != 1.0) {
    mark_seen(thread, row, base, at.y);
  }

  // The greatest logit, and whether all are finite (by their bits: arithmetic on others is not reliable).
  var best = NOTHING;
  var best_id = 0u;
  var broken = 0u;
  for (var id = thread; id < params.vocab; id += THREADS) {
    if ((bitcast<u32>(logits[row * params.logits_stride + id]) & 0x7f800000u) == 0x7f800000u) {
      broken = 1u;
    }
    let l = logit(row, id);
    if (l > best) {
      best = l;
      best_id = id;
    }
  }
  broken = count_all(thread, broken);
  values[thread] = best;
  numbers[thread] = best_id;
  workgroupBarrier();
  for (var i = 0u; i < THREADS; i++) {
    if (values[i] > best || (values[i] == best && numbers[i] < best_id)) {
      best = values[i];
      best_id = numbers[i];
    }
  }
  if (thread == 0u) {
    answer = best_id;
  }
  workgroupBarrier();

  if (s.temperature > 0.0) {
    var threshold = 0u;  // keys from here on are candidates
    if (s.top_k > 0u && s.top_k < params.vocab) {
      for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
        var count = 0u;
        for (var id = thread; id < params.vocab; id += THREADS) {
          count += select(0u, 1u, key(logit(row, id)) >= (threshold | bit));
        }
        if (count_all(thread, count) >= s.top_k) {
          threshold |= bit;
        }
      }
    }
    if (s.top_p < 1.0) {
      let floor_key = threshold;
      var mass = 0.0;
      for (var id = thread; id < params.vocab; id += THREADS) {
        let l = logit(row, id);
        mass += select(0.0, exp((l - best) / s.temperature), key(l) >= floor_key);
      }
      let wanted = s.top_p * sum_all(thread, mass);
      threshold = 0u;
      for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
        var above = 0.0;
        for (var id = thread; id < params.vocab; id += THREADS) {
          let l = logit(row, id);
          above += select(0.0, exp((l - best) / s.temperature), key(l) >= max(threshold | bit, floor_key));
        }
        if (sum_all(thread, above) >= wanted) {
          threshold |= bit;
        }
      }
      threshold = clamp(threshold, floor_key, key(best));
    }

    // Each thread owns a run of ids, so that the draw goes in order of id.
    let run = (params.vocab + THREADS - 1u) / THREADS;
    let first = min(thread * run, params.vocab);
    let end = min(first + run, params.vocab);
    var own = 0.0;
    for (var id = first; id < end; id++) {
      own += weight(row, id, best, threshold, s);
    }
    values[thread] = own;
    workgroupBarrier();
    var total = 0.0;
    var before = 0.0;
    for (var i = 0u; i < THREADS; i++) {
      if (i == thread) {
        before = total;
      }
      total += values[i];
    }
    let drawn = uniform_number(s.seed, at.y) * total;
    if (drawn >= before && drawn < before + own) {
      var sum = before;
      for (var id = first; id < end; id++) {
        let w = weight(row, id, best, threshold, s);
        sum += w;
        if (w > 0.0) {
          answer = id;  // the last candidate, should rounding leave the sum short
          if (drawn < sum) {
            break;
          }
        }
      }
    }
    workgroupBarrier();
  }

  if (thread == 0u && at.y + 1u < params.capacity) {
    tokens[base + at.y + 1u] = select(answer, FAULT, broken > 0u);
    rows[row].y = at.y + 1u;
  }
}

