package polymarket.backfill.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
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
import polymarket.backfill.job.IdKind;
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

    @Mixin
    private Common common;

    @Parameters(paramLabel = "JOB", description = "The job, such as payouts, or wallet and an address for one wallet.")
    private String name;

    @Option(names = "--measures", description = "List the job's measures and stop.")
    private boolean list;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    /** Thresholds with their values, and the address of {@code verify wallet}: as a parameter it would take a threshold's value. */
    @Unmatched
    private List<String> thresholds = new ArrayList<>();

    /** A number with what it should be. */
    private record Measure(String name, String title, SqlFile.Section section, boolean share, Double min, Double max) {
    }

    @Override
    public Integer call() {
        Settings settings = common.settings();
        if (!Job.names(Common.home()).contains(name) && SqlFile.exists(name) && SqlFile.read(name).has("id")) {
            return one(settings, SqlFile.read(name));
        }
        if (!thresholds.isEmpty() && !thresholds.get(0).startsWith("-")) {
            throw new UserError("verify " + name + " takes no '" + thresholds.get(0) + "'; one wallet is looked at with `backfill verify wallet ADDRESS`");
        }
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
            Map<String, Object> values = ledgerValues(settings, job);
            results.put("checks", checks(clickHouse, sql, values));
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

    /** All that is known of one id, by the checks of a file with a section {@code -- @id KIND ledger=JOB}. */
    private int one(Settings settings, SqlFile sql) {
        SqlFile.Section head = sql.section("id");
        IdKind kind = IdKind.of(head.title(), "src/main/resources/sql/" + name + ".sql");
        List<String> options = thresholds.stream().filter(text -> text.startsWith("-")).toList();
        String id = thresholds.isEmpty() ? null : thresholds.get(0);
        String stored = id == null || thresholds.size() > 1 ? null : kind.normalise(id);
        if (stored == null) {
            throw new UserError(!options.isEmpty() ? "unknown option '" + options.get(0) + "' of verify " + name
                    : "verify " + name + " takes a " + kind.label() + (id == null ? "" : "; '" + id + "' is none"));
        }
        Map<String, Object> results = new LinkedHashMap<>();
        results.put(name, stored);
        Path file = JobRun.ledgerFile(settings, head.attributes().get("ledger"));
        if (Ledger.exists(file)) {
            try (Ledger ledger = Ledger.open(file)) {
                Ledger.Entry entry = ledger.entry(stored);
                results.put("ledger", entry == null ? "never asked for" : entry.state().text()
                        + (entry.rows() > 0 ? ", rows: " + entry.rows() : "")
                        + (entry.markedAt() > 0 ? ", at " + Instant.ofEpochMilli(entry.markedAt()).toString().substring(0, 19) + "Z" : "")
                        + (entry.reason() == null ? "" : ": " + entry.reason()));
            }
        } else {
            results.put("ledger", "none: " + head.attributes().get("ledger") + " was not run here yet");
        }
        if (!json) {
            results.forEach((what, value) -> System.out.println(Character.toUpperCase(what.charAt(0)) + what.substring(1) + ": " + value));
        }
        try (ClickHouse clickHouse = ClickHouse.open(settings)) {
            results.put("checks", checks(clickHouse, sql, Map.of("id", stored)));
        }
        if (json) {
            System.out.println(Report.json(results));
        }
        return 0;
    }

    /** Runs the checks of a file, over views that are up to date, and prints them unless all is printed as JSON. */
    private Map<String, Object> checks(ClickHouse clickHouse, SqlFile sql, Map<String, Object> values) {
        Views.Made views = Views.refresh(clickHouse, Job.names(Common.home()));
        Map<String, Object> checks = new LinkedHashMap<>();
        for (SqlFile.Section check : sql.sections("check")) {
            String missing = Views.missing(clickHouse, check);
            String why = missing != null ? "there is no table " + missing : views.notes().get(check.attributes().get("needs"));
            List<Map<String, Object>> rows = why != null ? List.of() : clickHouse.rows(check.sql(values), Map.of());
            checks.put(check.title(), why != null ? "not checked: " + why : rows);
            if (!json) {
                System.out.println("\n" + Character.toUpperCase(check.title().charAt(0)) + check.title().substring(1));
                System.out.print(why != null ? "  (not checked: " + why + ")\n" : Report.table(rows));
            }
        }
        return checks;
    }

    private static Map<String, Object> ledgerValues(Settings settings, Job job) {
        Map<String, Object> values = new HashMap<>();
        for (String key : Stream.concat(Stream.of("total", "running"), Stream.of(State.values()).map(State::text)).toList()) {
            values.put(key, 0L);
        }
        // of all jobs that run under its name
        for (Job part : job.parts(Common.home(), "auto")) {
            if (Files.isDirectory(settings.path("runtime.dir"))) {
                add(values, "running", StatusCommand.runs(settings.path("runtime.dir"), part.getName()).stream()
                        .filter(run -> "running".equals(run.get("state"))).count());
            }
            if (Ledger.exists(JobRun.ledgerFile(settings, part.getName()))) {
                try (Ledger ledger = Ledger.open(JobRun.ledgerFile(settings, part.getName()))) {
                    add(values, "total", ledger.size(Share.WHOLE));
                    ledger.counts(Share.WHOLE).forEach((state, n) -> add(values, state.text(), n));
                }
            }
        }
        return values;
    }

    private static void add(Map<String, Object> values, String key, long n) {
        values.merge(key, n, (a, b) -> (Long) a + (Long) b);
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
            Map<String, String> attributes = section.attributes();
            String[] parts = section.title().split(" ", 2);
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

    private static String shown(double value, boolean share) {
        if (share) {
            return String.format(Locale.ROOT, "%.3f%%", value * 100);
        }
        return value == Math.rint(value) ? String.format(Locale.ROOT, "%,.0f", value) : String.format(Locale.ROOT, "%,.3f", value);
    }
}
