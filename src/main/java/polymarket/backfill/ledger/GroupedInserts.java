package polymarket.backfill.ledger;

import java.sql.SQLException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The inserts of several batches that have begun. A batch that is asked for again would be inserted
 * with another token, so the insert itself is kept, and repeated as it was.
 */
final class GroupedInserts {

  private final Database database;

  GroupedInserts(Database database) {
    this.database = database;
  }

  /** Makes the table in a ledger of an earlier version. */
  void prepare() {
    if (!database.isShared()) {
      try {
        database.execute("schema-of-inserts");
      } catch (SQLException e) {
        throw database.damaged(e);
      }
    }
  }

  void begin(GroupedInsert insert) {
    String batches =
        insert.batches().entrySet().stream()
            .map(rows -> rows.getKey() + ":" + rows.getValue())
            .collect(Collectors.joining(","));
    database.transaction(
        () ->
            database.update(
                "begin-insert", insert.token(), insert.table(), batches, insert.rows()));
  }

  void end(String token) {
    database.transaction(() -> database.update("end-insert", token));
  }

  List<GroupedInsert> begun() {
    return database.isShared()
        ? List.of()
        : database.query(
            "begun-inserts",
            result ->
                new GroupedInsert(
                    result.getString(1),
                    result.getString(2),
                    batches(result.getString(3)),
                    result.getBytes(4)));
  }

  private static Map<Long, Long> batches(String text) {
    Map<Long, Long> batches = new LinkedHashMap<>();
    Arrays.stream(text.split(","))
        .map(pair -> pair.split(":"))
        .forEach(pair -> batches.put(Long.valueOf(pair[0]), Long.valueOf(pair[1])));
    return batches;
  }
}
