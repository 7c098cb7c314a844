// The weight of an RMSNorm that is applied to x on the way, of any width.
@group(0) @binding(2) var<storage, read> norm: array<f32>;

// Weights k .. k+3; beyond the last one it stands in, for it meets an element 0.
fn norm4(k: u32, last: u32) -> vec4<f32> {
  return vec4<f32>(norm[min(k, last)], norm[min(k + 1u, last)], norm[min(k + 2u, last)], norm[min(k + 3u, last)]);
}

// Elements k .. k+31 of a row, of which `left` belong to it, times their weights.
fn normed(v: Block, k: u32, left: u32) -> Block {
  let last = k + left - 1u;
  return Block(
    v.a * norm4(k, last), v.b * norm4(k + 4u, last), v.c * norm4(k + 8u, last), v.d * norm4(k + 12u, last),
    v.e * norm4(k + 16u, last), v.f * norm4(k + 20u, last), v.g * norm4(k + 24u, last), v.h * norm4(k + 28u, last),
  );
}

// What the sums of a row are divided by, from its sum of squares.
fn rms(square: f32) -> f32 {
  return sqrt(square / f32(params.width) + params.epsilon);
}
