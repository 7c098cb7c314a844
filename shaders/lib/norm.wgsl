// The weight of an RMSNorm that is applied to x on the way.
@group(0) @binding(2) var<storage, read> norm: array<f32>;

// Elements k .. k+3 of the norm, of which `left` exist; the others count as 0.
fn norm4(k: u32, left: u32) -> vec4<f32> {
  if (left >= 4u) {
    return vec4<f32>(norm[k], norm[k + 1u], norm[k + 2u], norm[k + 3u]);
  }
  var v = vec4<f32>(0.0);
  if (left > 0u) { v.x = norm[k]; }
  if (left > 1u) { v.y = norm[k + 1u]; }
  if (left > 2u) { v.z = norm[k + 2u]; }
  return v;
}
