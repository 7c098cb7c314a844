// The bias that balances experts' loads; it chooses and never weighs.
@group(0) @binding(4) var<storage, read> bias: array<f32>;

fn bias_of(expert: u32) -> f32 {
  return bias[expert];
}
