package polymarket.backfill.cli;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import polymarket.backfill.Messages;
import polymarket.backfill.ledger.SharedLedgers;

/** What status shows of a shared ledger: its members, what each holds, and the pace. */
final class MembersView {

  private MembersView() {}

  /** For {@code --json}. */
  static Map<String, Object> json(SharedLedgers cluster) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("database", cluster.where());
    json.put("members", cluster.members().stream().map(MembersView::json).toList());
    json.put("pace", cluster.pace().stream().map(MembersView::json).toList());
    return json;
  }

  private static Map<String, Object> json(SharedLedgers.MemberInfo member) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("member", member.member());
    json.put("host", member.host());
    json.put("pid", member.pid());
    json.put("jobs", member.jobs());
    json.put("egress", member.egress());
    json.put("joined_at", Instant.ofEpochMilli(member.joinedAt()).toString());
    json.put("alive", member.alive());
    return json;
  }

  private static Map<String, Object> json(SharedLedgers.PaceInfo pace) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("source", pace.source());
    json.put("egress", pace.egress());
    json.put("limit_per_second", Math.round(100 * pace.limit()) / 100.0);
    json.put("requests", pace.requests());
    json.put("ahead_millis", pace.aheadMillis());
    return json;
  }

  /**
   * @param statuses of the jobs, with what is held of each
   */
  static String text(SharedLedgers cluster, List<StatusCommand.LedgerStatus> statuses) {
    List<Map<String, Object>> members = new ArrayList<>();
    for (SharedLedgers.MemberInfo member : cluster.members()) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("member", member.member());
      row.put("host", member.host());
      row.put("pid", String.valueOf(member.pid()));
      row.put("egress", member.egress());
      row.put("works on", member.jobs());
      row.put("since", Instant.ofEpochMilli(member.joinedAt()).toString().substring(0, 19) + "Z");
      row.put("state", member.alive() ? "alive" : "gone");
      row.put("holds", holds(member.member(), statuses));
      members.add(row);
    }
    List<Map<String, Object>> pace = new ArrayList<>();
    for (SharedLedgers.PaceInfo source : cluster.pace()) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("source", source.source());
      row.put("egress", source.egress());
      row.put("a second", String.format(Locale.ROOT, "%.3g", source.limit()));
      row.put("turns", source.requests());
      row.put(
          "next turn",
          source.aheadMillis() <= 0 ? "now" : "in " + Messages.time(source.aheadMillis()));
      pace.add(row);
    }
    return "shared at "
        + cluster.where()
        + (members.isEmpty() ? ": no member works" : ":\n" + Report.table(members).stripTrailing())
        + "\n"
        + (pace.isEmpty() ? "" : Report.table(pace));
  }

  private static String holds(int member, List<StatusCommand.LedgerStatus> statuses) {
    return statuses.stream()
        .filter(status -> status.held() != null)
        .flatMap(
            status ->
                status.held().stream()
                    .filter(held -> held.member() == member)
                    .map(
                        held ->
                            Messages.count(held.batches(), "batch")
                                + " of "
                                + status.job()
                                + " ("
                                + Messages.count(held.ids(), "id")
                                + ")"))
        .collect(Collectors.joining(", "));
  }
}
