package polymarket.backfill.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import polymarket.backfill.Sha256;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.slices.PassHelp;

/**
 * What the members of a shared audit do now, as its leader notes it in the ledger.
 *
 * @param sql stands for the laws, which have to be the same on all machines
 * @param options what the leader was started with
 * @param law the name of the law whose slices are worked on; null before the first one
 * @param values the law's placeholders: numbers, texts and lists of them
 * @param result how the audit ended; null before its end
 */
record SharedStage(
    String sql, String options, String law, Map<String, Object> values, Audit.Result result) {

  /** What one member at a time leads, and the name of the ledger. */
  static final String PASS = "audit";

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The id of a slice in the ledger. */
  private record Id(String law, LawSlice slice) {}

  /**
   * @param stage of a ledger
   * @return null where none was noted yet
   */
  static SharedStage parse(String stage) {
    return stage.isEmpty() ? null : read(PassHelp.what(stage), SharedStage.class);
  }

  /** The same, of another law. */
  SharedStage at(SqlFile.Section section, Map<String, Object> placeholders) {
    Map<String, Object> kept = new TreeMap<>(placeholders);
    kept.values().removeIf(SqlFile.Raw.class::isInstance);
    return new SharedStage(sql, options, LawCheck.name(section), kept, null);
  }

  SharedStage ended(Audit.Result how) {
    return new SharedStage(sql, options, law, Map.of(), how);
  }

  String text() {
    return write(this);
  }

  /** Stands for the laws of a file: 16 hex digits. */
  static String sqlOf(SqlFile sql) {
    List<String> parts = new ArrayList<>();
    for (SqlFile.Section law : sql.sections("law")) {
      parts.add(law.title());
      parts.add(new TreeMap<>(law.attributes()).toString());
      parts.addAll(law.statements());
      if (law.attributes().containsKey("glance")) {
        parts.addAll(sql.section("glance-" + law.attributes().get("glance")).statements());
      }
    }
    return Sha256.hex(String.join("\n", parts), 16);
  }

  static String id(String law, LawSlice slice) {
    return write(new Id(law, slice));
  }

  static LawSlice slice(String id) {
    return read(id, Id.class).slice();
  }

  static boolean isOf(String id, String law) {
    return read(id, Id.class).law().equals(law);
  }

  static String text(Found found) {
    return write(found);
  }

  static Found found(String text) {
    return read(text, Found.class);
  }

  private static String write(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static <T> T read(String text, Class<T> type) {
    try {
      return JSON.readValue(text, type);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("not of an audit: " + text, e);
    }
  }
}
