package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/ir"
)

// PolicyReads is what of the input and data a policy reads, as its plan shows.
type PolicyReads struct {
	Reads    [][]string `json:"reads"`    // input paths whose whole value can matter, shortest covering ones
	Probes   [][]string `json:"probes"`   // input paths of which only the presence and the type can matter
	Builtins []string   `json:"builtins"` // functions that the host has to provide
	Volatile []string   `json:"volatile"` // those of them that can answer differently to the same question
	OwnOnly  bool       `json:"ownOnly"`  // of data.integrations nothing but the entry named input.integration.name
}

// planOf compiles the bundle to OPA's intermediate representation.
func planOf(source *bundle.Bundle, capabilities *ast.Capabilities, entrypoints []string) (*ir.Policy, error) {
	compiler := compile.New().
		WithCapabilities(capabilities).
		WithTarget(compile.TargetPlan).
		WithEntrypoints(entrypoints...).
		WithRegoVersion(ast.RegoV1).
		WithBundle(source)
	if err := compiler.Build(context.Background()); err != nil {
		return nil, err
	}
	modules := compiler.Bundle().PlanModules
	if len(modules) == 0 {
		return nil, fmt.Errorf("the compiler gave no plan")
	}
	var policy ir.Policy
	if err := json.Unmarshal(modules[0].Raw, &policy); err != nil {
		return nil, fmt.Errorf("the plan is of an unknown version: %w", err)
	}
	return &policy, nil
}

// origin is a place in input or data that a local may refer to, or anywhere below it.
type origin struct {
	root string
	path string // keys joined by \x01
}

const (
	ownKey    = "\x00own" // the value of input.integration.name
	inputKeys = 4         // longer paths are cut, and count as read whole
	dataKeys  = 2         // no distinction is needed further down
)

var ownName = origin{"input", "integration\x01name"}

func (o origin) keys() []string {
	if o.path == "" {
		return nil
	}
	return strings.Split(o.path, "\x01")
}

func (o origin) below(key string) origin {
	if o.path == "" {
		return origin{o.root, key}
	}
	return origin{o.root, o.path + "\x01" + key}
}

// holds lists everything that a local may refer to. opaque: it may also be computed, outside input and data.
// Values of this type are not changed once they are made.
type holds struct {
	origins map[origin]bool
	opaque  bool
}

var computed = holds{opaque: true}

func (h holds) with(other holds) holds {
	if other.covered(h) {
		return h
	}
	both := holds{origins: maps.Clone(h.origins), opaque: h.opaque || other.opaque}
	if both.origins == nil {
		both.origins = map[origin]bool{}
	}
	maps.Copy(both.origins, other.origins)
	return both
}

func (h holds) covered(by holds) bool {
	for o := range h.origins {
		if !by.origins[o] {
			return false
		}
	}
	return by.opaque || !h.opaque
}

// scope tells what each local may hold at one point of a function. The planner uses numbers again, from rule to rule.
type scope map[ir.Local]holds

// join gives what holds where two ways through the plan meet, and whether that is more than before.
func (s scope) join(other scope) bool {
	grown := false
	for number, there := range other {
		here, known := s[number]
		if known && there.covered(here) {
			continue
		}
		s[number] = here.with(there)
		grown = true
	}
	return grown
}

type function struct {
	*ir.Func
	parameters scope
	returns    holds
}

// analysis follows the statements in their order. What it does not know counts as reading everything.
type analysis struct {
	policy  *ir.Policy
	funcs   map[string]*function
	reads   map[origin]bool
	probes  map[origin]bool
	whole   bool // something of an unknown kind: nothing is known
	mixed   bool // an input.integration.name that a `with` has changed
	changed bool
	refused []Problem
}

// refuse: OPA's WebAssembly reads invalid memory where a with replaces a member of something that is not an object. The input and its
// members are objects always; what lies below them may be anything.
func (a *analysis) refuse(s *ir.WithStmt, path []string) {
	file := ""
	if index := s.File; a.policy.Static != nil && index < len(a.policy.Static.Files) {
		file = a.policy.Static.Files[index].Value
	}
	problem := Problem{
		File: file, Row: s.Row, Column: s.Col, Code: "with",
		Message: "a with may replace input.<key> or input.<key>.<key>, not input." + strings.Join(path, ".") + " below them; replace the whole member",
	}
	if !slices.Contains(a.refused, problem) {
		a.refused = append(a.refused, problem)
	}
}

// policyReadsOf follows every reference to input and data through the plan.
//
// A dot with a constant key leads to the place below; with another key, a scan, a comparison, a builtin's operand or a
// part of a new value, the whole subtree counts as read. The source of a dot and of a test for presence is probed only.
func policyReadsOf(policy *ir.Policy) (PolicyReads, []Problem) {
	walk := &analysis{policy: policy, funcs: map[string]*function{}, reads: map[origin]bool{}, probes: map[origin]bool{}}
	if policy.Funcs != nil {
		for _, planned := range policy.Funcs.Funcs {
			walk.funcs[planned.Name] = &function{Func: planned, parameters: scope{}}
		}
	}
	for walk.changed = true; walk.changed; {
		walk.changed = false
		for _, plan := range policy.Plans.Plans {
			walk.blocks(nil, walk.start(scope{
				ir.Input: {origins: map[origin]bool{{root: "input"}: true}},
				ir.Data:  {origins: map[origin]bool{{root: "data"}: true}},
			}), plan.Blocks)
		}
		if policy.Funcs != nil {
			for _, planned := range policy.Funcs.Funcs {
				known := walk.funcs[planned.Name]
				walk.blocks(known, walk.start(known.parameters), planned.Blocks)
			}
		}
	}
	return walk.result(), walk.refused
}

func (a *analysis) start(parameters scope) scope { return maps.Clone(parameters) }

// below gives the places under key of what is held; cut where no distinction is needed any more.
func (a *analysis) below(source holds, key string, root string) map[origin]bool {
	found := map[origin]bool{}
	for o := range source.origins {
		if root == "" || o.root == root {
			found[a.cut(o.below(key))] = true
		}
	}
	return found
}

// cut bounds the number of places: below a place that is read whole no distinction is needed.
func (a *analysis) cut(o origin) origin {
	keys := o.keys()
	if o.root == "data" {
		return origin{o.root, strings.Join(keys[:min(len(keys), dataKeys)], "\x01")}
	}
	if o == ownName {
		return o
	}
	for length := range min(len(keys), inputKeys) {
		if shorter := (origin{o.root, strings.Join(keys[:length], "\x01")}); a.reads[shorter] {
			return shorter
		}
	}
	if len(keys) > inputKeys {
		o = origin{o.root, strings.Join(keys[:inputKeys], "\x01")}
		a.readAll(holds{origins: map[origin]bool{o: true}})
	}
	return o
}

func (a *analysis) readAll(values ...holds) {
	for _, value := range values {
		for o := range value.origins {
			if !a.reads[o] {
				a.reads[o] = true
				a.changed = true
			}
		}
	}
}

func (a *analysis) probe(values ...holds) {
	for _, value := range values {
		for o := range value.origins {
			if !a.probes[o] {
				a.probes[o] = true
				a.changed = true
			}
		}
	}
}

// operand gives what an operand holds; constants hold nothing of input or data.
func (a *analysis) operand(at scope, operand ir.Operand) holds {
	switch value := operand.Value.(type) {
	case ir.Local:
		return at[value]
	case *ir.Local: // as the plan's JSON is decoded
		return at[*value]
	case ir.StringIndex, *ir.StringIndex, ir.Bool, *ir.Bool:
	default:
		a.whole = true
	}
	return computed
}

func (a *analysis) consume(at scope, operands ...ir.Operand) {
	for _, operand := range operands {
		a.readAll(a.operand(at, operand))
	}
}

// blocks run one after the other. Each of their statements may be the last that runs: what holds behind a block is what
// held behind any of them.
func (a *analysis) blocks(in *function, at scope, blocks []*ir.Block) {
	for _, block := range blocks {
		if block == nil {
			continue
		}
		behind := maps.Clone(at)
		for _, statement := range block.Stmts {
			a.statement(in, at, statement)
			behind.join(at)
		}
		maps.Copy(at, behind)
	}
}

// loop is a block that runs any number of times.
func (a *analysis) loop(in *function, at scope, block *ir.Block) {
	for {
		before := maps.Clone(at)
		a.blocks(in, at, []*ir.Block{block})
		at.join(before)
		if !before.join(at) {
			return
		}
	}
}

func (a *analysis) statement(in *function, at scope, statement ir.Stmt) {
	switch s := statement.(type) {
	case *ir.BlockStmt:
		a.blocks(in, at, s.Blocks)
	case *ir.NotStmt:
		a.blocks(in, at, []*ir.Block{s.Block})
	case *ir.DotStmt:
		a.dot(at, s)
	case *ir.ScanStmt:
		a.readAll(at[s.Source])
		at[s.Value] = at[s.Source].with(computed)
		at[s.Key] = computed
		a.loop(in, at, s.Block)
	case *ir.AssignVarStmt:
		at[s.Target] = a.operand(at, s.Source)
	case *ir.AssignVarOnceStmt:
		// Where the target is defined already the two are compared.
		at[s.Target] = at[s.Target].with(a.operand(at, s.Source))
		a.readAll(at[s.Target])
	case *ir.LenStmt:
		a.consume(at, s.Source)
		at[s.Target] = computed
	case *ir.EqualStmt:
		a.consume(at, s.A, s.B)
	case *ir.NotEqualStmt:
		a.consume(at, s.A, s.B)
	case *ir.IsArrayStmt:
		a.probe(a.operand(at, s.Source))
	case *ir.IsObjectStmt:
		a.probe(a.operand(at, s.Source))
	case *ir.IsSetStmt:
		a.probe(a.operand(at, s.Source))
	case *ir.IsDefinedStmt:
		a.probe(at[s.Source])
	case *ir.IsUndefinedStmt:
		a.probe(at[s.Source])
	case *ir.ArrayAppendStmt:
		a.consume(at, s.Value)
	case *ir.ObjectInsertStmt:
		a.consume(at, s.Key, s.Value)
	case *ir.ObjectInsertOnceStmt:
		a.consume(at, s.Key, s.Value)
	case *ir.ObjectMergeStmt:
		a.readAll(at[s.A], at[s.B])
		at[s.Target] = computed
	case *ir.SetAddStmt:
		a.consume(at, s.Value)
	case *ir.WithStmt:
		a.with(in, at, s)
	case *ir.CallStmt:
		a.call(at, s)
	case *ir.CallDynamicStmt:
		a.consume(at, s.Path...)
		a.dynamicCall(at, s)
	case *ir.ReturnLocalStmt:
		a.giveBack(in, at[s.Source])
	case *ir.ResultSetAddStmt:
		a.readAll(at[s.Value])
	case *ir.AssignIntStmt:
		at[s.Target] = computed
	case *ir.MakeNullStmt:
		at[s.Target] = computed
	case *ir.MakeNumberIntStmt:
		at[s.Target] = computed
	case *ir.MakeNumberRefStmt:
		at[s.Target] = computed
	case *ir.MakeArrayStmt:
		at[s.Target] = computed
	case *ir.MakeObjectStmt:
		at[s.Target] = computed
	case *ir.MakeSetStmt:
		at[s.Target] = computed
	case *ir.ResetLocalStmt:
		at[s.Target] = holds{}
	case *ir.BreakStmt, *ir.NopStmt:
	default:
		a.whole = true
	}
}

func (a *analysis) giveBack(in *function, value holds) {
	if in == nil {
		a.readAll(value)
	} else if !value.covered(in.returns) {
		in.returns = in.returns.with(value)
		a.changed = true
	}
}

func (a *analysis) dot(at scope, s *ir.DotStmt) {
	source := a.operand(at, s.Source)
	a.probe(source)
	target := holds{opaque: source.opaque}
	index, constant := s.Key.Value.(ir.StringIndex)
	if decoded, ok := s.Key.Value.(*ir.StringIndex); ok {
		index, constant = *decoded, true
	}
	if constant {
		target.origins = a.below(source, a.policy.Static.Strings[index].Value, "")
		a.probe(target)
		at[s.Target] = target
		return
	}
	key := a.operand(at, s.Key)
	a.readAll(key)
	if isOwnName(key) {
		target.origins = a.below(source, ownKey, "data")
		a.probe(target)
	} else {
		target = target.with(source)
		a.readAll(source)
	}
	for o := range source.origins {
		if o.root != "data" {
			target = target.with(source)
			a.readAll(source)
			break
		}
	}
	at[s.Target] = target
}

func isOwnName(key holds) bool {
	return !key.opaque && len(key.origins) == 1 && key.origins[ownName]
}

// with: the new value counts as read whole, and reading through the changed document as reading the original one.
func (a *analysis) with(in *function, at scope, s *ir.WithStmt) {
	a.consume(at, s.Value)
	path := make([]string, len(s.Path))
	for i, index := range s.Path {
		path[i] = a.policy.Static.Strings[index].Value
	}
	if s.Local == ir.Input && len(path) > 2 {
		a.refuse(s, path)
	}
	for o := range at[s.Local].origins {
		if o.root == "input" && (len(path) == 0 || path[0] == "integration") {
			a.mixed = true
		}
		// The objects on the way are copied with the other members; they must keep their type.
		for _, key := range path {
			a.probe(holds{origins: map[origin]bool{o: true}})
			o = a.cut(o.below(key))
		}
	}
	a.blocks(in, at, []*ir.Block{s.Block})
}

func (a *analysis) call(at scope, s *ir.CallStmt) {
	called := a.funcs[s.Func]
	if called == nil {
		a.consume(at, s.Args...)
		at[s.Result] = computed
		return
	}
	for i, argument := range s.Args {
		a.pass(called, i, a.operand(at, argument))
	}
	at[s.Result] = called.returns.with(computed)
}

// dynamicCall may reach every function that has a path.
func (a *analysis) dynamicCall(at scope, s *ir.CallDynamicStmt) {
	result := computed
	for _, called := range a.funcs {
		if len(called.Path) == 0 {
			continue
		}
		for i, argument := range s.Args {
			a.pass(called, i, at[argument])
		}
		result = result.with(called.returns)
	}
	at[s.Result] = result
}

func (a *analysis) pass(called *function, index int, argument holds) {
	if index >= len(called.Params) {
		a.whole = true
		return
	}
	if called.parameters.join(scope{called.Params[index]: argument}) {
		a.changed = true
	}
}

func (a *analysis) result() PolicyReads {
	reads := PolicyReads{Builtins: []string{}, Volatile: []string{}, OwnOnly: !a.mixed && !a.whole}
	if a.policy.Static != nil {
		for _, builtin := range a.policy.Static.BuiltinFuncs {
			reads.Builtins = append(reads.Builtins, builtin.Name)
			if !isDeterministic(builtin.Name) {
				reads.Volatile = append(reads.Volatile, builtin.Name)
			}
		}
	}
	sort.Strings(reads.Builtins)
	sort.Strings(reads.Volatile)
	for o := range a.reads {
		if o.root == "data" && !confined(o.keys()) {
			reads.OwnOnly = false
		}
	}
	for o := range a.probes {
		// data and data.integrations are objects whichever entries they hold.
		if keys := o.keys(); o.root == "data" && len(keys) > 1 && !confined(keys) {
			reads.OwnOnly = false
		}
	}
	if a.whole {
		reads.Reads = [][]string{{}}
		reads.Probes = [][]string{}
		return reads
	}
	reads.Reads = covering(constantPaths(a.reads))
	reads.Probes = uncovered(constantPaths(a.probes), reads.Reads)
	return reads
}

// confined: a path in data that shows no other integration's entry.
func confined(keys []string) bool {
	if len(keys) == 0 {
		return false
	}
	return keys[0] != "integrations" || (len(keys) > 1 && keys[1] == ownKey)
}

func constantPaths(origins map[origin]bool) [][]string {
	found := map[string][]string{}
	for o := range origins {
		if o.root != "input" {
			continue
		}
		found[o.path] = append([]string{}, o.keys()...)
	}
	paths := slices.Collect(maps.Values(found))
	sort.Slice(paths, func(i, j int) bool { return strings.Join(paths[i], "\x01") < strings.Join(paths[j], "\x01") })
	return paths
}

func covering(paths [][]string) [][]string {
	kept := [][]string{}
	for _, path := range paths {
		if !coveredBy(kept, path) {
			kept = append(kept, path)
		}
	}
	return kept
}

func uncovered(paths, by [][]string) [][]string {
	kept := [][]string{}
	for _, path := range paths {
		if !coveredBy(by, path) {
			kept = append(kept, path)
		}
	}
	return kept
}

func coveredBy(shorter [][]string, path []string) bool {
	return slices.ContainsFunc(shorter, func(prefix []string) bool {
		return len(prefix) <= len(path) && slices.Equal(prefix, path[:len(prefix)])
	})
}
