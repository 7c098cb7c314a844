// RMSNorm of each query and each key before they are turned, as Qwen3 has it.
@group(0) @binding(5) var<storage, read> q_norm: array<f32>;  // (HEAD_DIM)
@group(0) @binding(6) var<storage, read> k_norm: array<f32>;  // (HEAD_DIM)

// Normalises the workgroup's head, unless it is a value.
fn normalised(part: u32, thread: u32, epsilon: f32) {
  if (part == VALUE) {
    return;
  }
  var total = 0.0;
  for (var i = 0u; i < HEAD_DIM; i++) {
    total += head[i] * head[i];
  }
  workgroupBarrier();
  let scale = 1.0 / sqrt(total / f32(HEAD_DIM) + epsilon);
  for (var i = thread; i < HEAD_DIM; i += THREADS) {
    head[i] *= scale * select(k_norm[i], q_norm[i], part == QUERY);
  }
  workgroupBarrier();
}
