{{- define "eim-pxe.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "eim-pxe.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "eim-pxe.labels" -}}
{{ include "eim-pxe.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "eim-pxe.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "eim-pxe.fullname" .) -}}
{{- end }}

{{- define "eim-pxe.sharesDatabase" -}}
{{- if or .Values.database.urlSecret (kindIs "map" (dig "leases" "store" "journal" .Values.config)) }}yes{{ end -}}
{{- end }}

{{/* With a database that all share, all answer. */}}
{{- define "eim-pxe.hasLeader" -}}
{{- if and (gt (int .Values.replicas) 1) (not (include "eim-pxe.sharesDatabase" .)) }}yes{{ end -}}
{{- end }}

{{- define "eim-pxe.asksCluster" -}}
{{- if or .Values.hardware.enabled (include "eim-pxe.hasLeader" .) }}yes{{ end -}}
{{- end }}

{{- define "eim-pxe.attachment" -}}
{{- .Values.network.multus.attachment | default (include "eim-pxe.fullname" .) -}}
{{- end }}
