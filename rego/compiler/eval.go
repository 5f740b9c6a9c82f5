package main

import (
	"context"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
	"sallyport/rego/compiler/values"
)

// EvalResult is what one input gave: undefined where Value is absent, or the error that ended the evaluation.
type EvalResult struct {
	Value any      `json:"value,omitempty"`
	Error *Problem `json:"error,omitempty"`
	Trace []Event  `json:"trace,omitempty"`
}

// Event is one step of an evaluation, at the line it happened.
type Event struct {
	File string `json:"file"`
	Row  int    `json:"row"`
	Op   string `json:"op"`
	Node string `json:"node"`
}

const maxEvents = 20_000

// eval asks OPA's own interpreter.
func eval(request Request) Answer {
	modules, allowed, problems := parse(request)
	if len(problems) > 0 {
		return Answer{Problems: problems}
	}
	data := map[string]any{}
	if len(request.Data) > 0 {
		if err := util.UnmarshalJSON(request.Data, &data); err != nil {
			return Answer{Problems: []Problem{{Code: "data", Message: err.Error()}}}
		}
	}
	options := []func(*rego.Rego){
		rego.Query(request.Query), rego.Store(inmem.NewFromObject(data)), rego.SetRegoVersion(ast.RegoV1), rego.Capabilities(allowed),
		rego.StrictBuiltinErrors(!request.Lenient), // as in the gateway, where a failed built-in function denies
	}
	if request.AsText {
		options = append(options, rego.GenerateJSON(func(term *ast.Term, _ *rego.EvalContext) (any, error) {
			return string(values.Append(nil, term.Value)), nil
		}))
	}
	for _, module := range modules {
		options = append(options, rego.ParsedModule(module))
	}
	ctx := context.Background()
	query, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return Answer{Problems: explain(err)}
	}
	for _, input := range request.Inputs {
		request.InputTexts = append(request.InputTexts, string(input))
	}
	answer := Answer{Results: []EvalResult{}}
	for _, input := range request.InputTexts {
		answer.Results = append(answer.Results, evalOne(ctx, query, input, request))
	}
	return answer
}

func evalOne(ctx context.Context, query rego.PreparedEvalQuery, text string, request Request) EvalResult {
	options := []rego.EvalOption{}
	if len(text) > 0 {
		value, err := inputOf(text, request.AsText)
		if err != nil {
			return EvalResult{Error: &Problem{Code: "input", Message: err.Error()}}
		}
		options = append(options, rego.EvalParsedInput(value))
	}
	tracer := topdown.NewBufferTracer()
	watch := &yielding{}
	if request.Explain {
		watch.QueryTracer = tracer
	}
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	found, err := query.Eval(ctx, append(options, rego.EvalQueryTracer(watch))...)
	err = tooLong(err)
	result := EvalResult{Trace: events(*tracer)}
	switch {
	case err != nil:
		result.Error = &explain(err)[0]
	case len(found) > 0 && len(found[0].Expressions) > 0:
		result.Value = found[0].Expressions[0].Value
	}
	return result
}

func inputOf(text string, isValue bool) (ast.Value, error) {
	if isValue {
		term, err := values.Parse([]byte(text))
		if err != nil {
			return nil, err
		}
		return term.Value, nil
	}
	var input any
	if err := util.NewJSONDecoder(strings.NewReader(text)).Decode(&input); err != nil {
		return nil, err
	}
	return ast.InterfaceToValue(input)
}

func events(trace []*topdown.Event) []Event {
	var reported []Event
	for _, event := range trace {
		if event.Location == nil || len(reported) >= maxEvents {
			continue
		}
		switch event.Op {
		case topdown.EnterOp, topdown.ExitOp, topdown.FailOp, topdown.RedoOp:
			node := ""
			switch found := event.Node.(type) {
			case *ast.Rule:
				node = found.Ref().String()
			case *ast.Expr:
				node = found.String()
			}
			reported = append(reported, Event{event.Location.File, event.Location.Row, string(event.Op), node})
		}
	}
	return reported
}
