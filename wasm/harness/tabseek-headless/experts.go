package main

import (
	"fmt"
	"slices"
)

// A spread is how evenly the experts of a layer were visited while tokens were decoded.
type spread struct {
	Layer   int `json:"layer"`
	Experts int `json:"experts"`
	Visits  int `json:"visits"` // of all of them
	Visited int `json:"visited"`
	Most    int `json:"most"`   // visits of the expert with the most,
	Expert  int `json:"expert"` // and which that is
	// Share is that expert's share of the visits, as a multiple of an even one.
	Share float64 `json:"share"`
}

// spreads are those of what was counted between two reports.
func spreads(before, after [][]int) []spread {
	var list []spread
	for layer, counts := range after {
		if len(counts) == 0 {
			continue
		}
		s := spread{Layer: layer, Experts: len(counts)}
		visits := make([]int, len(counts))
		for i, n := range counts {
			visits[i] = n - before[layer][i]
			s.Visits += visits[i]
			if visits[i] > 0 {
				s.Visited++
			}
		}
		s.Most = slices.Max(visits)
		s.Expert = slices.Index(visits, s.Most)
		if s.Visits > 0 {
			s.Share = float64(s.Most) * float64(len(counts)) / float64(s.Visits)
		}
		list = append(list, s)
	}
	return list
}

// printExperts shows them for people.
func (m measured) printExperts(to streams) {
	if len(m.Experts) == 0 {
		return
	}
	fmt.Fprintf(to.out, "\n%8s %8s %8s %8s  %s\n", "layer", "visits", "experts", "visited", "the most visited")
	for _, s := range m.Experts {
		fmt.Fprintf(to.out, "%8d %8d %8d %8d  expert %d, %.1f times an even share\n", s.Layer, s.Visits, s.Experts, s.Visited, s.Expert, s.Share)
	}
}
