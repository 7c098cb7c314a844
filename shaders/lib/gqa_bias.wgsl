// Biases of the projections, as Qwen2 has them.
@group(0) @binding(5) var<storage, read> q_bias: array<f32>;  // (heads, HEAD_DIM)
@group(0) @binding(6) var<storage, read> k_bias: array<f32>;  // (key-value heads, HEAD_DIM)
@group(0) @binding(7) var<storage, read> v_bias: array<f32>;  // (key-value heads, HEAD_DIM)

fn bias_of(part: u32, i: u32) -> f32 {
  switch part {
    case QUERY: { return q_bias[i]; }
    case KEY: { return k_bias[i]; }
    default: { return v_bias[i]; }
  }
}
