package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DeletionsTest {

  @ParameterizedTest
  @CsvSource({
    "DELETE FROM a.b WHERE n = 1, SELECT count() FROM a.b WHERE n = 1",
    "delete from `a`.`b` on cluster two where n = 1, SELECT count() FROM `a`.`b` where n = 1",
    "DELETE FROM a.b IN PARTITION 1 WHERE n = 1,",
    "INSERT INTO a.b SELECT 1,"
  })
  void whatADeleteNames_isCounted_andOtherStatementsAreSentOnce(String sql, String counted) {
    List<String> asked = new ArrayList<>();
    Deletions deletions =
        new Deletions(
            "here",
            query -> {
              asked.add(query);
              return 0;
            });
    assertEquals("sent", deletions.complete(sql, () -> "sent"));
    assertEquals(counted == null ? List.of() : List.of(counted), asked);
  }
}
