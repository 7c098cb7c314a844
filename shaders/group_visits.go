package shaders

// GroupVisitsParams are the uniform parameters of group_visits.wgsl.
type GroupVisitsParams struct {
	Visits  uint32 // of all rows
	Experts uint32
}

type groupVisitsVariant struct {
	Batch, Least, Threads int
}

var groupVisits = register(kernel[groupVisitsVariant, GroupVisitsParams]{
	name: "group_visits",
	reference: func(v groupVisitsVariant, p GroupVisitsParams, _ Grid, m Memory) {
		routes, singles, groups := m.U32("routes"), m.U32("singles"), m.U32("groups")
		for _, list := range [][]uint32{singles, groups} {
			for i := range list {
				list[i] = noVisit
			}
		}
		for thread := range v.Threads {
			for expert := thread; expert < int(p.Experts); expert += v.Threads {
				var visits []uint32
				for i := range int(p.Visits) {
					if int(routes[2*i]) == expert {
						visits = append(visits, uint32(i))
					}
				}
				for ; len(visits) >= v.Least; groups = groups[v.Batch:] {
					visits = visits[copy(groups[:v.Batch], visits):]
				}
				singles = singles[copy(singles, visits):]
			}
		}
	},
})

// noVisit ends a list of visits.
const noVisit = 0xffffffff

// A Grouping is how the visits of a step are brought together: as many lists of Batch visits as there can be, of which an expert that
// fewer than Least visit has none.
type Grouping struct {
	Batch, Least int
	Groups       int
}

// GroupingOf chooses a grouping for a step of rows rows, each with slots visits. Where a thread has its rows to itself, arithmetic costs,
// and a group is worth it from more than half of its places on; else what is read costs, and two visits are enough. With always, every
// row visits the same experts.
func GroupingOf(profile Profile, rows, slots int, always bool) Grouping {
	g := Grouping{Batch: productTile{}.taking(rows, false).Batch}
	switch {
	case always:
		g.Least = 1
		g.Groups = slots * ((rows + g.Batch - 1) / g.Batch)
		return g
	case profile.Lanes == 1:
		g.Least = g.Batch/2 + 1
	default:
		g.Least = 2
	}
	g.Groups = rows * slots / g.Least
	return g
}

// GroupVisits brings visits together by expert: bindings routes (Visits) of (expert, weight), singles (Visits) and groups (g.Groups, g.Batch)
// of numbers of visits.
func GroupVisits(g Grouping, p GroupVisitsParams) Dispatch {
	threads := 16
	for threads < 256 && threads < int(p.Experts) {
		threads *= 2
	}
	return groupVisits.dispatch(groupVisitsVariant{g.Batch, g.Least, threads}, p, 1, 1, 1)
}
