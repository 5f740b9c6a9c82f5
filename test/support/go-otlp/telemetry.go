// Traces and metrics in JSON, read by the collector's own package: each span and each point is printed as a line.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

type span struct {
	Kind       string         `json:"kind"`
	Trace      string         `json:"trace"`
	Span       string         `json:"span"`
	Parent     string         `json:"parent"`
	State      string         `json:"state"`
	Name       string         `json:"name"`
	SpanKind   string         `json:"spanKind"`
	Status     string         `json:"status"`
	StartNs    uint64         `json:"startNs"`
	EndNs      uint64         `json:"endNs"`
	Attributes map[string]any `json:"attributes"`
	Resource   map[string]any `json:"resource"`
	Tenant     string         `json:"tenant"`
	Encoding   string         `json:"encoding"`
}

type point struct {
	Kind       string         `json:"kind"`
	Name       string         `json:"name"`
	Unit       string         `json:"unit"`
	Type       string         `json:"type"`
	Value      float64        `json:"value"`
	Count      uint64         `json:"count"`
	Buckets    []uint64       `json:"buckets"`
	Bounds     []float64      `json:"bounds"`
	Exemplars  []string       `json:"exemplars"`
	Attributes map[string]any `json:"attributes"`
}

// Answers a line of standard input says, as for logs; what it prints was taken.
func takeTelemetry(w http.ResponseWriter, r *http.Request, answer []string) {
	body, err := content(r, "application/json")
	switch answer[0] {
	case "hang":
		<-r.Context().Done()
		return
	case "503":
		w.Header().Set("retry-after", answer[1])
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case "400":
		http.Error(w, "not this one", http.StatusBadRequest)
		return
	}
	if err == nil && strings.HasSuffix(r.URL.Path, "traces") {
		err = printSpans(body, r)
	} else if err == nil {
		err = printPoints(body)
	}
	if err != nil {
		fmt.Println(line(map[string]any{"kind": "wrong", "why": err.Error(), "text": string(body)}))
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("content-type", "application/json")
	fmt.Fprint(w, "{}")
}

func printSpans(body []byte, r *http.Request) error {
	export := ptraceotlp.NewExportRequest()
	if err := export.UnmarshalJSON(body); err != nil {
		return err
	}
	for _, resource := range export.Traces().ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				fmt.Println(line(span{
					Kind: "span", Trace: s.TraceID().String(), Span: s.SpanID().String(), Parent: s.ParentSpanID().String(),
					State: s.TraceState().AsRaw(), Name: s.Name(), SpanKind: s.Kind().String(), Status: s.Status().Code().String(),
					StartNs: uint64(s.StartTimestamp()), EndNs: uint64(s.EndTimestamp()),
					Attributes: s.Attributes().AsRaw(), Resource: resource.Resource().Attributes().AsRaw(),
					Tenant: r.Header.Get("x-scope-orgid"), Encoding: r.Header.Get("content-encoding"),
				}))
			}
		}
	}
	return nil
}

func printPoints(body []byte) error {
	export := pmetricotlp.NewExportRequest()
	if err := export.UnmarshalJSON(body); err != nil {
		return err
	}
	for _, resource := range export.Metrics().ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				printMetric(metric)
			}
		}
	}
	return nil
}

func printMetric(metric pmetric.Metric) {
	print := func(attributes pcommon.Map, p point) {
		p.Kind, p.Name, p.Unit, p.Type, p.Attributes = "point", metric.Name(), metric.Unit(), metric.Type().String(), attributes.AsRaw()
		fmt.Println(line(p))
	}
	numbers := pmetric.NewNumberDataPointSlice()
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		numbers = metric.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		numbers = metric.Sum().DataPoints()
	case pmetric.MetricTypeHistogram:
		for _, p := range metric.Histogram().DataPoints().All() {
			exemplars := []string{}
			for _, e := range p.Exemplars().All() {
				exemplars = append(exemplars, e.TraceID().String())
			}
			print(p.Attributes(), point{Value: p.Sum(), Count: p.Count(), Buckets: p.BucketCounts().AsRaw(), Bounds: p.ExplicitBounds().AsRaw(), Exemplars: exemplars})
		}
	}
	for _, p := range numbers.All() {
		value := p.DoubleValue()
		if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
			value = float64(p.IntValue())
		}
		print(p.Attributes(), point{Value: value})
	}
}

func line(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
