package polymarket.backfill.job;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;

/** Assigns ids to the jobs that run under one name. */
public final class Parts {

  private Parts() {}

  /** The chosen source of a job that has several, such as auto; empty for other jobs. */
  public static String source(Settings settings, Job job) {
    return job.getParts().isEmpty() ? "" : settings.text(job.getName() + ".source");
  }

  /**
   * Assigns the ids to a job's parts; an id of several parts goes to the first of them.
   *
   * @return the parts with at least one id
   */
  public static Map<Job, List<String>> split(
      Settings settings, ClickHouse clickHouse, Path home, Job job, List<String> ids) {
    Map<Job, List<String>> split = new LinkedHashMap<>();
    Set<String> left = new HashSet<>(ids);
    String source = source(settings, job);
    for (Job part : job.parts(home, source)) {
      Set<String> own = own(clickHouse, part, source, List.copyOf(left));
      left.removeAll(own);
      if (!own.isEmpty()) {
        split.put(part, ids.stream().filter(own::contains).toList());
      }
    }
    return split;
  }

  /** The ids of a list that belong to a job, by its SQL. */
  static Set<String> own(ClickHouse clickHouse, Job job, String source, List<String> ids) {
    if (ids.isEmpty() || !job.sql().has("take")) {
      return Set.copyOf(ids);
    }
    Views.create(clickHouse, job.getName());
    Set<String> own = new HashSet<>();
    clickHouse.stream(
        job.sql().section("take").sql(Map.of("list", ids, "source", source)),
        Map.of(),
        row -> own.add(String.valueOf(row.get("id"))));
    return own;
  }
}
