package polymarket.backfill.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import polymarket.backfill.Messages;
import polymarket.backfill.Self;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.audit.Audit;
import polymarket.backfill.audit.LawResult;
import polymarket.backfill.benchmark.BenchmarkException;
import polymarket.backfill.benchmark.Engine;
import polymarket.backfill.benchmark.Program;
import polymarket.backfill.benchmark.SharedLedger;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.enrich.Enrich;
import polymarket.backfill.enrich.Reconcile;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.polymarket.LogPages;

/** This program, as benchmarks see it. */
record BenchmarkProgram(Settings settings, Messages messages, Consumer<String> tell)
    implements Program {

  @Override
  public Path home() {
    return settings.home();
  }

  @Override
  public Path runtime() {
    return settings.path("runtime.dir");
  }

  @Override
  public String setting(String key) {
    return settings.text(key);
  }

  @Override
  public Map<String, String> apart(Path data, Path runtime) {
    return Settings.apart(data, runtime);
  }

  @Override
  public List<String> command(List<String> javaOptions, List<String> arguments) {
    return Self.command(List.of("-Dbackfill."), javaOptions, arguments);
  }

  @Override
  public Engine engine(Map<String, String> changed, String sql) {
    Settings own = settings.with(changed);
    try {
      return new BenchmarkEngine(ClickHouse.open(own), own, this, sql);
    } catch (UserError e) {
      throw new BenchmarkException(e.getMessage());
    }
  }

  @Override
  public SharedLedger sharedLedger(String job) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    return cluster == null
        ? null
        : new BenchmarkLedger(cluster, job, LedgerPlace.of(settings, job));
  }

  private record BenchmarkLedger(SharedLedgers cluster, String job, LedgerPlace place)
      implements SharedLedger {

    @Override
    public boolean exists() {
      return place.exists();
    }

    @Override
    public long left() {
      if (!exists()) {
        return 0;
      }
      try (Ledger ledger = Ledger.open(place)) {
        return ledger.left(Share.WHOLE);
      }
    }

    @Override
    public long held(long pid) {
      Set<Integer> members =
          cluster.members().stream()
              .filter(member -> member.pid() == pid)
              .map(SharedLedgers.MemberInfo::member)
              .collect(Collectors.toSet());
      return cluster.held(job).stream()
          .filter(held -> members.contains(held.member()))
          .mapToLong(SharedLedgers.Held::batches)
          .sum();
    }

    @Override
    public void drop() {
      cluster.drop(job);
    }
  }

  @Override
  public String logsRequest(long first, long last, List<String> datasets) {
    try {
      return LogPages.portalRequest(first, last, datasets);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void info(String line) {
    messages.info(line);
  }

  @Override
  public void warn(String line) {
    messages.warn(line);
  }

  @Override
  public void status(String line) {
    tell.accept(line);
  }

  private record BenchmarkEngine(
      ClickHouse clickHouse, Settings settings, BenchmarkProgram program, String sql)
      implements Engine {

    @Override
    public Object value(String sql) {
      return clickHouse.value(sql);
    }

    @Override
    public List<Map<String, Object>> rows(String sql) {
      return clickHouse.rows(sql, Map.of());
    }

    @Override
    public void execute(String sql) {
      clickHouse.execute(sql);
    }

    @Override
    public void insert(String table, byte[] json, String token) {
      clickHouse.insert(table, json, token, "benchmark");
    }

    @Override
    public String stored(String table) {
      return clickHouse.stored(table);
    }

    @Override
    public void createTables(String job) {
      Views.create(clickHouse, job);
    }

    @Override
    public Object value(String section, Map<String, ?> values) {
      return clickHouse.value(SqlFile.read(sql).section(section).sql(filled(values)));
    }

    @Override
    public void run(String section, Map<String, ?> values) {
      clickHouse.execute(SqlFile.read(sql).section(section), filled(values));
    }

    private static Map<String, Object> filled(Map<String, ?> values) {
      Map<String, Object> own = new HashMap<>(values);
      own.replaceAll(
          (name, value) -> value instanceof Sql sql ? new SqlFile.Raw(sql.text()) : value);
      return own;
    }

    @Override
    public void createMappingTables() {
      Reconcile.createTables(clickHouse);
    }

    @Override
    public Map<String, Object> enrich(Map<String, String> changed) {
      Enrich.Result result =
          new Enrich(clickHouse, settings.with(changed), program.messages(), program.tell()).run();
      Map<String, Object> steps = new LinkedHashMap<>();
      result.steps().entrySet().stream()
          .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
          .forEach(step -> steps.put(step.getKey(), step.getValue() / 1000.0));
      Map<String, Object> figures = new LinkedHashMap<>();
      figures.put("rows", result.rows());
      figures.put("original", result.original());
      figures.put("filled", result.filled());
      figures.put("unfillable", result.unfillable());
      figures.put("slices", result.slices());
      figures.put("halved", result.halved());
      figures.put("seconds_in", steps);
      return figures;
    }

    @Override
    public Map<String, Object> audit() {
      List<Map<String, Object>> laws = new ArrayList<>();
      Audit.Result result =
          new Audit(clickHouse, settings, program.messages(), null, false, null, program.tell())
              .run();
      for (LawResult law : result.laws()) {
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("law", law.law());
        figures.put("state", law.state());
        figures.put("checked", law.checked());
        figures.put("seconds", law.millis() / 1000.0);
        figures.put("where", law.where());
        laws.add(figures);
      }
      Map<String, Object> audited = new LinkedHashMap<>();
      audited.put("broken", result.laws().stream().filter(law -> law.broken() > 0).count());
      audited.put("laws", laws);
      return audited;
    }

    @Override
    public void close() {
      clickHouse.close();
    }
  }
}
