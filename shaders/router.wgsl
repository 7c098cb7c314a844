// The choice of experts: scores of x[r], with NORM of RMSNorm(x[r]), by the router's matrix, groups, top-k, weights; then the shared experts as
// further slots of weight 1. (DeepSeek-V2, section 2.2; DeepSeek-V3, section 2.1.2.)
//
//   SIGMOID: score = sigmoid(logit), else softmax over all experts. What ranks an expert is its score, plus, with BIAS,
//   the balancing bias, which never weighs it. With GROUPS > 1 only the TOP_K_GROUP best groups take part; a group ranks by
//   its best expert (GROUP_MAX) or by the sum of its best two. Ties go to the lower number.
//
// Where it is asked for, each visit is counted by layer and expert.
//
// One workgroup does one row: LANES threads share the logits of ROWS experts; then a thread ranks every THREADS-th.

struct Params {
  width: u32,
  x_stride: u32,
  epsilon: f32,
  scaling_factor: f32,
  parked: u32,  // the sequence of rows that are not counted
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> routes: array<vec2<u32>>;  // (rows, TOP_K + SHARED): expert, weight as f32 bits

var<workgroup> squares: array<f32, THREADS>;
var<workgroup> scores: array<f32, EXPERTS>;
var<workgroup> ranks: array<f32, EXPERTS>;    // what an expert is ranked by
var<workgroup> group_ranks: array<f32, GROUPS>;
var<workgroup> chosen: array<u32, TOP_K>;

const PER_GROUP: u32 = EXPERTS / GROUPS;

// How many of the n ranks from `first` on go before number i: greater, or equal and lower-numbered.
fn better(i: u32, first: u32, n: u32) -> u32 {
  var count = 0u;
  for (var j = first; j < first + n; j++) {
    if (ranks[j] > ranks[i] || (ranks[j] == ranks[i] && j < i)) {
      count++;
    }
  }
  return count;
}

fn keep_score(expert: u32, logit: f32) {
  if (expert < EXPERTS) {
    scores[expert] = select(logit, 1.0 / (1.0 + exp(min(-logit, 80.0))), SIGMOID);
  }
}

// The root mean square of a row, with epsilon.
fn row_rms(row: u32, blocks: u32, thread: u32) -> f32 {
  var square = 0.0;
  for (var block = thread; block < blocks; block += THREADS) {
    let v = x_block(row * params.x_stride + 32u * block, params.width - 32u * block);
    square += dot_block(v, v);
  }
  squares[thread] = square;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < THREADS; i++) {
    total += squares[i];
  }
  return rms(total);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let blocks = (params.width + 31u) / 32u;

  var by = 1.0;
  if (NORM) {
    by = row_rms(row, blocks, thread);
  }

  for (var first = 0u; first < EXPERTS; first += ROWS_HERE) {
    let expert = first + thread / LANES;
    var logits = vec4<f32>(0.0);
    for (var block = thread % LANES; block < blocks; block += LANES) {
      let k = 32u * block;
      let left = params.width - k;
      let w = load_rows(0u, expert, block, EXPERTS, blocks);
      logits += dot_rows(w, factor(normed(x_block(row * params.x_stride + k, left), k, left)));
    }
    logits = over_lanes(first / ROWS_HERE % 2u, logits, thread) / by;  // two slots in turn: one barrier is enough
    if (thread % LANES == 0u) {
      keep_score(expert, logits.x);
      if (ROWS > 1u) {
        keep_score(expert + ROW_STEP, logits.y);
      }
      if (ROWS > 2u) {
        keep_score(expert + 2u * ROW_STEP, logits.z);
        keep_score(expert + 3u * ROW_STEP, logits.w);
      }
    }
  }
  workgroupBarrier();
  if (!SIGMOID) {
    var largest = NOTHING;
    for (var i = 0u; i < EXPERTS; i++) {
      largest = max(largest, scores[i]);
    }
    var sum = 0.0;
    for (var i = 0u; i < EXPERTS; i++) {
      sum += exp(scores[i] - largest);
    }
    workgroupBarrier();
    for (var expert = thread; expert < EXPERTS; expert += THREADS) {
      scores[expert] = exp(scores[expert] - largest) / sum;
    }
    workgroupBarrier();
  }
  for (var expert = thread; expert < EXPERTS; expert += THREADS) {
    ranks[expert] = scores[expert] + bias_of(expert);
  }
  workgroupBarrier();

  if (GROUPS > 1u) {
    for (var g = thread; g < GROUPS; g += THREADS) {
      var best = NOTHING;
      var second = NOTHING;
      for (var i = g * PER_GROUP; i < (g + 1u) * PER_GROUP; i++) {
        if (ranks[i] > best) {
          second = best;
          best = ranks[i];
        } else if (ranks[i] > second) {
          second = ranks[i];
        }
      }
      group_ranks[g] = best + select(second, 0.0, GROUP_MAX || PER_GROUP == 1u);
    }
    workgroupBarrier();
    for (var expert = thread; expert < EXPERTS; expert += THREADS) {
      let g = expert / PER_GROUP;
      var ahead = 0u;
      for (var j = 0u; j < GROUPS; j++) {
        if (group_ranks[j] > group_ranks[g] || (group_ranks[j] == group_ranks[g] && j < g)) {
          ahead++;
        }
      }
      if (ahead >= TOP_K_GROUP) {
        ranks[expert] = NOTHING;
      }
    }
    workgroupBarrier();
  }

  for (var expert = thread; expert < EXPERTS; expert += THREADS) {
    let place = better(expert, 0u, EXPERTS);
    if (place < TOP_K) {
      chosen[place] = expert;
    }
  }
  workgroupBarrier();
  if (thread < TOP_K) {
    var weight = scores[chosen[thread]];
    if (NORM_TOP_K) {
      var sum = 0.0;
      for (var i = 0u; i < TOP_K; i++) {
        sum += scores[chosen[i]];
      }
      weight /= sum + 1e-20;
    }
    routes[row * (TOP_K + SHARED) + thread] = vec2<u32>(chosen[thread], bitcast<u32>(weight * params.scaling_factor));
    count_visit(row, chosen[thread]);
  } else if (thread < TOP_K + SHARED) {
    routes[row * (TOP_K + SHARED) + thread] = vec2<u32>(EXPERTS + thread - TOP_K, bitcast<u32>(1.0));
  }
}
