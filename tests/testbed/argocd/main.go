// argocheck tells what Argo CD makes of an object that its application has in Git.
//
// argocheck KUBECONFIG: reads from its input, as JSON, an object as it is in Git (`git`) and in the
// cluster (`live`), and the application's ignoreDifferences (`ignored`). It prints whether the two
// differ (`differs`), by Argo CD's own code and the cluster's own schemas.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2/textlogger"
)

type question struct {
	Git     *unstructured.Unstructured           `json:"git"`
	Live    *unstructured.Unstructured           `json:"live"`
	Ignored []v1alpha1.ResourceIgnoreDifferences `json:"ignored"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("usage: argocheck KUBECONFIG")
	}
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", arguments[0])
	if err != nil {
		return err
	}
	kubectl := &kube.KubectlCmd{Log: textlogger.NewLogger(textlogger.NewConfig()), Tracer: tracing.NopTracer{}}
	_, parser, err := kubectl.LoadOpenAPISchema(config)
	if err != nil {
		return err
	}
	settings, err := diff.NewDiffConfigBuilder().
		WithDiffSettings(asked.Ignored, map[string]v1alpha1.ResourceOverride{}, false, normalizers.IgnoreNormalizerOpts{}).
		WithTracking("", string(v1alpha1.TrackingMethodAnnotation)).
		WithNoCache().
		WithGVKParser(parser).
		WithManager("argocd-controller").
		Build()
	if err != nil {
		return err
	}
	compared, err := diff.StateDiff(asked.Live, asked.Git, settings)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]bool{"differs": compared.Modified})
}
