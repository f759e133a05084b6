package polymarket.backfill.cli;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Unmatched;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.JobRun;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/** Runs the checks and measures of a job's SQL file. */
@Command(name = "verify", description = "Check what a job stored: tables to look at, and measures with thresholds that make it exit with 3.",
        footer = {"", "Each measure M takes --min-M and --max-M, as numbers or shares such as 1%%: verify payouts --min-found 120000 --max-failed 1%%.",
            "`backfill verify JOB --measures` lists them."})
final class VerifyCommand implements Callable<Integer> {

    private static final Pattern ATTRIBUTE = Pattern.compile("\\b(min|max|unit|needs)=(\\S+)\\s*");

    @Mixin
    private Common common;

    @Parameters(paramLabel = "JOB", description = "The job, such as payouts.")
    private String name;

    @Option(names = "--measures", description = "List the job's measures and stop.")
    private boolean list;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Unmatched
    private List<String> thresholds = new ArrayList<>();

    /** A number with what it should be. */
    private record Measure(String name, String title, SqlFile.Section section, boolean share, Double min, Double max) {
    }

    @Override
    public Integer call() {
        Settings settings = common.settings();
        Job job = Job.read(Common.home(), name);
        SqlFile sql = job.sql();
        Map<String, Measure> measures = measures(sql);
        if (list) {
            measures.values().forEach(measure -> System.out.printf("%-16s %s%s%s%n", measure.name(), measure.title(),
                    measure.min() == null ? "" : ", at least " + shown(measure.min(), measure.share()),
                    measure.max() == null ? "" : ", at most " + shown(measure.max(), measure.share())));
            return 0;
        }
        List<String> failed = new ArrayList<>();
        Map<String, Object> results = new LinkedHashMap<>();
        results.put("job", job.getName());
        try (ClickHouse clickHouse = ClickHouse.open(settings)) {
            Views.refresh(clickHouse, Job.names(Common.home()));
            Map<String, Object> values = ledgerValues(settings, job);
            Map<String, Object> checks = new LinkedHashMap<>();
            for (SqlFile.Section check : sql.sections("check")) {
                Map<String, String> attributes = new HashMap<>();
                String title = attributes(check.title(), attributes);
                String missing = missing(clickHouse, attributes.get("needs"));
                Object rows = missing != null ? missing : clickHouse.rows(check.sql(values), Map.of());
                checks.put(title, rows);
                if (!json) {
                    System.out.println("\n" + Character.toUpperCase(title.charAt(0)) + title.substring(1));
                    System.out.print(missing != null ? "  (" + missing + ")\n" : table(rows));
                }
            }
            results.put("checks", checks);
            List<Map<String, Object>> lines = new ArrayList<>();
            for (Measure measure : measures.values()) {
                double value = ((Number) clickHouse.value(measure.section().sql(values))).doubleValue();
                boolean low = measure.min() != null && value < measure.min();
                boolean high = measure.max() != null && value > measure.max();
                Map<String, Object> line = new LinkedHashMap<>();
                line.put("measure", measure.name());
                line.put("value", json ? (Object) value : shown(value, measure.share()));
                line.put("at_least", measure.min() == null ? null : json ? (Object) measure.min() : shown(measure.min(), measure.share()));
                line.put("at_most", measure.max() == null ? null : json ? (Object) measure.max() : shown(measure.max(), measure.share()));
                line.put("ok", low || high ? "NO" : measure.min() == null && measure.max() == null ? "-" : "yes");
                line.put("meaning", measure.title());
                lines.add(line);
                if (low || high) {
                    failed.add(measure.name() + " is " + shown(value, measure.share()) + ", " + (low ? "less than " + shown(measure.min(), measure.share())
                            : "more than " + shown(measure.max(), measure.share())));
                }
            }
            results.put("measures", lines);
            results.put("failed", failed);
            if (json) {
                System.out.println(Report.json(results));
            } else {
                System.out.println("\nMeasures");
                System.out.print(Report.table(lines));
            }
        }
        if (!failed.isEmpty()) {
            System.err.println("backfill: check failed: " + String.join("; ", failed));
            return 3;
        }
        return 0;
    }

    @SuppressWarnings("unchecked")
    private static String table(Object rows) {
        return Report.table((List<Map<String, Object>>) rows);
    }

    private static String missing(ClickHouse clickHouse, String table) {
        if (table == null || clickHouse.has(table.substring(0, table.indexOf('.')), table.substring(table.indexOf('.') + 1))) {
            return null;
        }
        return "not checked: there is no table " + table;
    }

    private static Map<String, Object> ledgerValues(Settings settings, Job job) {
        Map<String, Object> values = new HashMap<>();
        values.put("total", 0L);
        for (State state : State.values()) {
            values.put(state.text(), 0L);
        }
        if (Ledger.exists(JobRun.ledgerFile(settings, job.getName()))) {
            try (Ledger ledger = Ledger.open(JobRun.ledgerFile(settings, job.getName()))) {
                values.put("total", ledger.size(Share.WHOLE));
                ledger.counts(Share.WHOLE).forEach((state, n) -> values.put(state.text(), n));
            }
        }
        return values;
    }

    private Map<String, Measure> measures(SqlFile sql) {
        Map<String, Double> least = new HashMap<>();
        Map<String, Double> most = new HashMap<>();
        for (int i = 0; i < thresholds.size(); i++) {
            String option = thresholds.get(i);
            String value = null;
            if (option.contains("=")) {
                value = option.substring(option.indexOf('=') + 1);
                option = option.substring(0, option.indexOf('='));
            } else if (i + 1 < thresholds.size()) {
                value = thresholds.get(++i);
            }
            if (!option.startsWith("--min-") && !option.startsWith("--max-")) {
                throw new UserError("unknown option '" + option + "' of verify; thresholds are --min-M and --max-M for a measure M");
            }
            (option.startsWith("--min-") ? least : most).put(option.substring(6), number(option, value));
        }
        Map<String, Measure> measures = new LinkedHashMap<>();
        for (SqlFile.Section section : sql.sections("measure")) {
            Map<String, String> attributes = new HashMap<>();
            String[] parts = attributes(section.title(), attributes).split(" ", 2);
            Double min = attributes.containsKey("min") ? number("min", attributes.get("min")) : null;
            Double max = attributes.containsKey("max") ? number("max", attributes.get("max")) : null;
            measures.put(parts[0], new Measure(parts[0], parts[1], section, "%".equals(attributes.get("unit")),
                    least.getOrDefault(parts[0], min), most.getOrDefault(parts[0], max)));
        }
        for (Map<String, Double> given : List.of(least, most)) {
            for (String of : given.keySet()) {
                if (!measures.containsKey(of)) {
                    throw new UserError("no measure '" + of + "' of " + name + "." + Nearest.hint(of, measures.keySet())
                            + " The measures are: " + String.join(", ", measures.keySet()));
                }
            }
        }
        return measures;
    }

    private static double number(String option, String value) {
        try {
            if (value != null && value.endsWith("%")) {
                return Double.parseDouble(value.substring(0, value.length() - 1)) / 100;
            }
            return Double.parseDouble(String.valueOf(value).replace("_", "").replace(",", ""));
        } catch (NumberFormatException e) {
            throw new UserError(option + (value == null ? " has no value" : " is '" + value + "'") + "; it takes a number such as 120000, or a share such as 1%");
        }
    }

    private static String attributes(String title, Map<String, String> to) {
        Matcher matcher = ATTRIBUTE.matcher(title);
        while (matcher.find()) {
            to.put(matcher.group(1), matcher.group(2));
        }
        return matcher.replaceAll("").strip();
    }

    private static String shown(double value, boolean share) {
        if (share) {
            return String.format(Locale.ROOT, "%.3f%%", value * 100);
        }
        return value == Math.rint(value) ? String.format(Locale.ROOT, "%,.0f", value) : String.format(Locale.ROOT, "%,.3f", value);
    }
}
