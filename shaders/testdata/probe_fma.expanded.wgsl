// probe_fma threads=256
const THREADS: u32 = 256u;
// How fast the device computes: every thread multiplies and adds vec4s, in eight chains that do not depend on each other.
// y[i] is what comes of thread i's.

struct Params {
  rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let by = vec4<f32>(0.5, 0.25, 0.75, 0.125);
  let plus = vec4<f32>(f32(id.x % 7u), 1.0, 2.0, 3.0);
  var a = plus;
  var b = plus + 1.0;
  var c = plus + 2.0;
  var d = plus + 3.0;
  var e = plus + 4.0;
  var f = plus + 5.0;
  var g = plus + 6.0;
  var h = plus + 7.0;
  for (var i = 0u; i < params.rounds; i++) {
    a = fma(a, by, plus);
    b = fma(b, by, plus);
    c = fma(c, by, plus);
    d = fma(d, by, plus);
    e = fma(e, by, plus);
    f = fma(f, by, plus);
    g = fma(g, by, plus);
    h = fma(h, by, plus);
  }
  let sum = a + b + c + d + e + f + g + h;
  y[id.x] = sum.x + sum.y + sum.z + sum.w;
}

