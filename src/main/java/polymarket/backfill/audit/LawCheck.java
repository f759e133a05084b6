package polymarket.backfill.audit;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;

/** Holds laws against slices. */
final class LawCheck {

  private final ClickHouse clickHouse;
  private final SqlFile sql;

  LawCheck(ClickHouse clickHouse, SqlFile sql) {
    this.clickHouse = clickHouse;
    this.sql = sql;
  }

  /**
   * Holds a law against a slice; where a first pass finds nothing doubtful in it, by that alone.
   *
   * @param values the placeholders of the law, without those of the slice
   */
  Found check(SqlFile.Section section, Map<String, Object> values, LawSlice slice) {
    Map<String, Object> own = new HashMap<>(values);
    own.putAll(slice.placeholders(section.attributes().get("by")));
    String glance = section.attributes().get("glance");
    if (glance == null) {
      return Found.of(clickHouse.rows(section.sql(own), Map.of()).get(0));
    }
    Map<String, Object> seen = new HashMap<>(own);
    seen.put("glance", glance);
    seen.put("law", name(section));
    seen.put("first", slice.from());
    seen.put("last", slice.to());
    if (glanced(seen).isEmpty()) {
      clickHouse.execute(sql.section("glance-" + glance).sql(own));
    }
    Map<String, Object> found = glanced(seen).get(0);
    long checked = Audit.number(found.get("checked"));
    return Audit.number(found.get("doubtful")) == 0
        ? Found.nothing(checked)
        : Found.of(clickHouse.rows(section.sql(own), Map.of()).get(0)).ofCases(checked);
  }

  private List<Map<String, Object>> glanced(Map<String, Object> seen) {
    return clickHouse.rows(sql.section("glanced").sql(seen), Map.of());
  }

  /** The name of a law, which its title begins with. */
  static String name(SqlFile.Section section) {
    return section.title().split(" ", 2)[0];
  }
}
