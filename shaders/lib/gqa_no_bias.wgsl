// The projections of queries, keys and values have no biases.
fn bias_of(part: u32, i: u32) -> f32 {
  return 0.0;
}
