package shaders

// ProbeReadParams are the uniform parameters of probe_read.wgsl.
type ProbeReadParams struct{ Count uint32 }

// ProbeFMAParams are the uniform parameters of probe_fma.wgsl.
type ProbeFMAParams struct{ Rounds uint32 }

type probeVariant struct{ Threads int }

const probeThreads = 256

// A read that is timed goes over so many bytes, which a device's caches should not hold, by so many workgroups.
const (
	ProbeBytes  = 64 << 20
	ProbeGroups = 256
)

var probeRead = register(kernel[probeVariant, ProbeReadParams]{
	name: "probe_read",
	reference: func(v probeVariant, p ProbeReadParams, grid Grid, m Memory) {
		x, y := m.U32("x"), m.U32("y")
		for i := range 4 * int(p.Count) {
			y[i/4/v.Threads%int(grid[0])] += x[i]
		}
	},
})

// ProbeRead reads a buffer of a multiple of 16 bytes once: bindings x, y (a word for each of workgroups).
func ProbeRead(bytes, workgroups int) Dispatch {
	return probeRead.dispatch(probeVariant{probeThreads}, ProbeReadParams{uint32(bytes / 16)}, workgroups, 1, 1)
}

var probeFMA = register(kernel[probeVariant, ProbeFMAParams]{
	name: "probe_fma",
	reference: func(v probeVariant, p ProbeFMAParams, grid Grid, m Memory) {
		by := [4]float64{0.5, 0.25, 0.75, 0.125}
		for i := range int(grid[0]) * v.Threads {
			plus := [4]float64{float64(i % 7), 1, 2, 3}
			sum := 0.0
			for chain := range 8 {
				for k := range 4 {
					a := plus[k] + float64(chain)
					for range p.Rounds {
						a = a*by[k] + plus[k]
					}
					sum += a
				}
			}
			m.F32("y")[i] = float32(sum)
		}
	},
})

// ProbeFMA does ProbeFlops operations: binding y (a word for each of workgroups' 256 threads).
func ProbeFMA(rounds, workgroups int) Dispatch {
	return probeFMA.dispatch(probeVariant{probeThreads}, ProbeFMAParams{uint32(rounds)}, workgroups, 1, 1)
}

// ProbeFlops is how many operations ProbeFMA does; a multiplication with an addition counts as two.
func ProbeFlops(rounds, workgroups int) int { return rounds * workgroups * probeThreads * 8 * 4 * 2 }

// ProbeWords is how many words ProbeFMA writes.
func ProbeWords(workgroups int) int { return workgroups * probeThreads }
