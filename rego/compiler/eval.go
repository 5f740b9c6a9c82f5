package main

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
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
	for _, module := range modules {
		options = append(options, rego.ParsedModule(module))
	}
	ctx := context.Background()
	query, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return Answer{Problems: explain(err)}
	}
	for _, text := range request.InputTexts {
		request.Inputs = append(request.Inputs, json.RawMessage(text))
	}
	answer := Answer{Results: []EvalResult{}}
	for _, input := range request.Inputs {
		answer.Results = append(answer.Results, evalOne(ctx, query, input, request.Explain))
	}
	return answer
}

func evalOne(ctx context.Context, query rego.PreparedEvalQuery, text json.RawMessage, traced bool) EvalResult {
	options := []rego.EvalOption{}
	if len(text) > 0 {
		var input any
		decoder := util.NewJSONDecoder(bytes.NewReader(text))
		if err := decoder.Decode(&input); err != nil {
			return EvalResult{Error: &Problem{Code: "input", Message: err.Error()}}
		}
		value, err := ast.InterfaceToValue(input)
		if err != nil {
			return EvalResult{Error: &Problem{Code: "input", Message: err.Error()}}
		}
		options = append(options, rego.EvalParsedInput(value))
	}
	tracer := topdown.NewBufferTracer()
	watch := &yielding{}
	if traced {
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

func events(trace []*topdown.Event) []Event {
	var told []Event
	for _, event := range trace {
		if event.Location == nil || len(told) >= maxEvents {
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
			told = append(told, Event{event.Location.File, event.Location.Row, string(event.Op), node})
		}
	}
	return told
}
