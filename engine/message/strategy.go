package message

import (
	"encoding/json"
	"reflect"
	"slices"
)

// A Strategy is how an answer is made of several, its traces. The caller may name its mode alone: "vote". Trace i has the
// seed after the first's by i.
type Strategy struct {
	Mode StrategyMode `json:"mode"`
	// N is how many traces there are at most: 8 if it is not told, 1 for single and check, 4 for fuse.
	N *int `json:"n,omitempty" min:"1" max:"128"`
	// M is how many traces short_m waits for, 3 if it is not told, and how many rounds fuse takes, 1 if it is not told.
	M *int `json:"m,omitempty" min:"1" max:"128"`
	// Stop is what ends the traces before all of them are done: decided if it is not told.
	Stop StopRule `json:"stop,omitempty"`
	// Verifier tells right answers from wrong ones. The first answer that it accepts ends all.
	Verifier *Verifier `json:"verifier,omitempty" ts:"Verifier | VerifierType"`
	// Budget is the most tokens that each trace may think for, like thinking_budget.
	Budget *int `json:"budget,omitempty" min:"0"`
	// Wait is how often each trace is made to think on where it would have ended its thinking.
	Wait *int `json:"wait,omitempty" min:"0" max:"8"`
}

// MaxTraces is the most that N may be.
const MaxTraces = 128

// A StrategyMode says how the answer is made.
type StrategyMode string

// The modes of strategies.
const (
	Single   StrategyMode = "single"   // one trace
	Vote     StrategyMode = "vote"     // what most traces answer
	ShortM   StrategyMode = "short_m"  // what most of the M traces answer that think the shortest
	Weighted StrategyMode = "weighted" // a vote in which a trace counts by its confidence
	BestOf   StrategyMode = "best_of"  // the answer that the verifier accepts, or without one the most confident by the model's own score
	Check    StrategyMode = "check"    // the model is asked whether its answer is right, and thinks again if it is not
	Fuse     StrategyMode = "fuse"     // an answer made from N others: for free text
)

// A StopRule says when a vote is over.
type StopRule string

// The rules.
const (
	StopNone    StopRule = "none"    // when all traces have ended
	StopDecided StopRule = "decided" // when the traces still running cannot change the answer
	StopBeta    StopRule = "beta"    // when the leader would win a longer vote with a probability of 0.95
	StopProbe   StopRule = "probe"   // when the answers that running traces would give now agree
)

// A Verifier says what a right answer is. The caller may name the types without parameters alone: "countdown".
type Verifier struct {
	Type VerifierType `json:"type"`
	// Numbers and Target are those of a countdown; if they are not told, they are taken from the question.
	Numbers []int `json:"numbers,omitempty" min:"0"`
	Target  *int  `json:"target,omitempty"`
	// Schema is a JSON schema.
	Schema Schema `json:"schema,omitempty" ts:"Record<string, unknown> | boolean"`
	// Pattern is a regular expression without backreferences.
	Pattern string `json:"pattern,omitempty"`
}

// A VerifierType is a kind of verifier.
type VerifierType string

// The types of verifiers.
const (
	VerifyArithmetic VerifierType = "arithmetic" // the answer is the value of the expression in the question
	VerifyCountdown  VerifierType = "countdown"  // the answer is an expression of each of the numbers once that makes the target
	VerifyJSON       VerifierType = "json"       // the answer is JSON by Schema
	VerifyRegex      VerifierType = "regex"      // the answer matches Pattern as a whole
	VerifyFunction   VerifierType = "function"   // the host is asked by an event verify, and answers by a request verdict
)

// A Schema is a JSON schema as it came.
type Schema []byte

// MarshalJSON writes the schema as it came.
func (s Schema) MarshalJSON() ([]byte, error) { return s, nil }

func (s *Schema) read(path string, data []byte) error {
	*s = slices.Clone(data)
	return nil
}

func (s *Strategy) read(path string, data []byte) error {
	type plain Strategy // without this method
	return readNamed(path, data, (*string)(&s.Mode), (*plain)(s))
}

func (v *Verifier) read(path string, data []byte) error {
	type plain Verifier
	return readNamed(path, data, (*string)(&v.Type), (*plain)(v))
}

// readNamed reads an object, or its name alone.
func readNamed(path string, data []byte, name *string, whole any) error {
	if json.Unmarshal(data, name) == nil {
		return nil
	}
	fields, err := object(path, data)
	if err != nil {
		return mustBe(path, data, "a name or an object")
	}
	return decodeFields(path+".", fields, reflect.ValueOf(whole).Elem())
}

// The defaults of a strategy.
const (
	defaultTraces     = 8
	defaultFused      = 4
	defaultShort      = 3
	defaultFuseRounds = 1
)

// Traces is N, or what stands for it. A check has one trace, and those that check it.
func (s *Strategy) Traces() int {
	switch {
	case s.Mode == Single || s.Mode == Check:
		return 1
	case s.N != nil:
		return *s.N
	case s.Mode == Fuse:
		return defaultFused
	}
	return defaultTraces
}

// Count is M, or what stands for it.
func (s *Strategy) Count() int {
	switch {
	case s.M != nil:
		return *s.M
	case s.Mode == Fuse:
		return defaultFuseRounds
	}
	return min(defaultShort, s.Traces())
}

// StopWhen is Stop, or what stands for it.
func (s *Strategy) StopWhen() StopRule {
	if s.Stop == "" {
		return StopDecided
	}
	return s.Stop
}

// The words that fields of these types may be.
var (
	strategyModes = []StrategyMode{Single, Vote, ShortM, Weighted, BestOf, Check, Fuse}
	stopRules     = []StopRule{StopNone, StopDecided, StopBeta, StopProbe}
	verifierTypes = []VerifierType{VerifyArithmetic, VerifyCountdown, VerifyJSON, VerifyRegex, VerifyFunction}
	efforts       = []Effort{EffortNone, EffortMinimal, EffortLow, EffortMedium, EffortHigh, EffortXHigh, EffortMax, EffortUltra}
)

// Validate names the first field of a strategy whose value is out of bounds.
func (s *Strategy) Validate() error {
	if err := checkFields("strategy.", reflect.ValueOf(s).Elem()); err != nil {
		return err
	}
	switch {
	case !slices.Contains(strategyModes, s.Mode):
		return Refuse("strategy.mode", "is %q, must be %s", s.Mode, oneOf(strategyModes))
	case s.Stop != "" && !slices.Contains(stopRules, s.Stop):
		return Refuse("strategy.stop", "is %q, must be %s", s.Stop, oneOf(stopRules))
	case s.N != nil && *s.N != 1 && (s.Mode == Single || s.Mode == Check):
		return Refuse("strategy.n", "is %d, the mode %s has 1", *s.N, s.Mode)
	case s.M != nil && s.Mode != ShortM && s.Mode != Fuse:
		return Refuse("strategy.m", "is given, but the mode is %s, not short_m or fuse", s.Mode)
	case s.Mode == ShortM && s.Count() > s.Traces():
		return Refuse("strategy.m", "is %d, must be at most n, which is %d", s.Count(), s.Traces())
	case s.Verifier != nil:
		return s.Verifier.validate()
	}
	return nil
}

// validate leaves to the engine whether a schema is one and a pattern can be read.
func (v *Verifier) validate() error {
	const name = "strategy.verifier"
	switch t := v.Type; {
	case !slices.Contains(verifierTypes, t):
		return Refuse(name+".type", "is %q, must be %s", t, oneOf(verifierTypes))
	case (len(v.Numbers) > 0 || v.Target != nil) && t != VerifyCountdown:
		return Refuse(name, "is of type %s, numbers and target are for countdown", t)
	case t == VerifyCountdown && (len(v.Numbers) > 0) != (v.Target != nil):
		return Refuse(name, "has one of numbers and target, must have both or none")
	case (len(v.Schema) > 0) != (t == VerifyJSON):
		return Refuse(name+".schema", "is for the type json, which must have it; the type is %s", t)
	case (v.Pattern != "") != (t == VerifyRegex):
		return Refuse(name+".pattern", "is for the type regex, which must have it; the type is %s", t)
	}
	return nil
}

// Budgets say how long to think: how much the model is to try, and where it is cut short. Both may be given.
type Budgets struct {
	// ReasoningEffort is how much thought an answer is worth: none begins with the answer; low and medium cut thinking short
	// at an eighth and at a half of what there is room for; high lets it end by itself. All but none have a model think that
	// leaves the choice.
	ReasoningEffort Effort `json:"reasoning_effort,omitempty"`
	// ThinkingBudget is the most tokens to think for. Thinking is then closed at the next end of a line, a tenth later at the
	// latest, and the answer begins. Of all the words for it that are given, the smallest number holds.
	ThinkingBudget *int `json:"thinking_budget,omitempty" min:"0"`
	// ThinkingTokenBudget is vLLM's word for ThinkingBudget.
	ThinkingTokenBudget *int `json:"thinking_token_budget,omitempty" min:"0"`
	// ReasoningBudgetTokens is llama.cpp's word for ThinkingBudget.
	ReasoningBudgetTokens *int `json:"reasoning_budget_tokens,omitempty" min:"0"`
	// ThinkingBudgetTokens is another of llama.cpp's.
	ThinkingBudgetTokens *int `json:"thinking_budget_tokens,omitempty" min:"0"`
	// MaxThinkingTokens is NVIDIA's.
	MaxThinkingTokens *int `json:"max_thinking_tokens,omitempty" min:"0"`
	// EnableThinking is Qwen's word for thinking.
	EnableThinking *bool `json:"enable_thinking,omitempty"`
}

// An Effort is how much thought an answer is worth.
type Effort string

// The efforts: OpenAI's, and what others call theirs.
const (
	EffortNone    Effort = "none"
	EffortMinimal Effort = "minimal" // low
	EffortLow     Effort = "low"
	EffortMedium  Effort = "medium"
	EffortHigh    Effort = "high"
	EffortXHigh   Effort = "xhigh" // high, like the next two
	EffortMax     Effort = "max"
	EffortUltra   Effort = "ultra"
)

// ThinkingLimit is the most tokens to think for, where there is room for so many of thinking and answer; false if
// nothing limits it.
func (p *Params) ThinkingLimit(room int) (int, bool) {
	limits := []*int{p.ThinkingBudget, p.ThinkingTokenBudget, p.ReasoningBudgetTokens, p.ThinkingBudgetTokens, p.MaxThinkingTokens}
	if p.Strategy != nil {
		limits = append(limits, p.Strategy.Budget)
	}
	share := func(n int) { limits = append(limits, &n) }
	switch p.ReasoningEffort {
	case EffortNone:
		share(0)
	case EffortMinimal, EffortLow:
		share(room / 8)
	case EffortMedium:
		share(room / 2)
	}
	least, limited := 0, false
	for _, l := range limits {
		if l != nil && (!limited || *l < least) {
			least, limited = *l, true
		}
	}
	return least, limited
}

// Thinks says whether the answer is to begin with reasoning, where the model leaves the choice; nil if the caller does
// not say.
func (p *Params) Thinks() *bool {
	switch {
	case p.Thinking != nil:
		return (*bool)(p.Thinking)
	case p.EnableThinking != nil:
		return p.EnableThinking
	case p.ReasoningEffort != "":
		thinks := p.ReasoningEffort != EffortNone
		return &thinks
	}
	return nil
}

func (b *Budgets) validate() error {
	if b.ReasoningEffort != "" && !slices.Contains(efforts, b.ReasoningEffort) {
		return Refuse("reasoning_effort", "is %q, must be %s", b.ReasoningEffort, oneOf(efforts))
	}
	return nil
}
